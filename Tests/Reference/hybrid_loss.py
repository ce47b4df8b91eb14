"""L_hybrid = L_simple + 0.001 L_vlb of Nichol & Dhariwal 2021 for a model that learns the range of its variance."""

import math

import torch
from torch.distributions import Normal, kl_divergence

from fixture import Fixture, random
from schedules import float64_scheduler
from diffusers import DDPMScheduler


def hybrid(scheduler, prediction_type, x0, noise, output, timesteps):
    abar, betas = scheduler.alphas_cumprod, scheduler.betas
    before = torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])
    posterior = betas * (1 - before) / (1 - abar)
    column = lambda values: values[timesteps].reshape(-1, 1, 1, 1)
    xt = scheduler.add_noise(x0, noise, timesteps)
    mean, share = output.chunk(2, dim=1)
    target = {"epsilon": noise, "v_prediction": scheduler.get_velocity(x0, noise, timesteps), "sample": x0}[prediction_type]
    simple = ((mean - target) ** 2).mean()
    s, n = column(abar.sqrt()), column((1 - abar).sqrt())
    frozen = mean.detach()
    predicted = {"epsilon": (xt - n * frozen) / s, "v_prediction": s * xt - n * frozen, "sample": frozen}[prediction_type]

    def posterior_mean(x):
        return column(before.sqrt() * betas / (1 - abar)) * x + column((1 - betas).sqrt() * (1 - before) / (1 - abar)) * xt

    low = column(torch.log(torch.cat([posterior[1:2], posterior[1:]])))
    fraction = (share + 1) / 2
    deviation = torch.exp((fraction * column(betas.log()) + (1 - fraction) * low) / 2)
    bound = kl_divergence(Normal(posterior_mean(x0), (low / 2).exp()), Normal(posterior_mean(predicted), deviation))

    def cdf(x):
        return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    centred = x0 - posterior_mean(predicted)
    upper, lower = cdf((centred + 1 / 255) / deviation), cdf((centred - 1 / 255) / deviation)
    inner = torch.where(x0 < -0.999, upper, torch.where(x0 > 0.999, 1 - lower, upper - lower)).clamp(min=1e-12).log()
    terms = torch.where((timesteps == 0).reshape(-1, 1, 1, 1), -inner, bound) / math.log(2)
    return simple + 0.001 * scheduler.config.num_train_timesteps * terms.mean()


def make():
    fixture = Fixture("hybrid_loss", """L_simple + 0.001 L_vlb in bits per dimension, L_vlb = T times the mean term, with the mean detached.
        Tensors x0, noise (N, C, H, W), output (N, 2 C, H, W), grad_output; `loss`. All in float64.""")
    steps = [0, 0, 1, 10, 250, 999]
    for prediction in ("epsilon", "v_prediction", "sample"):
        for schedule in ("linear", "squaredcos_cap_v2"):
            # Near the end of the cosine schedule epsilon says nothing of x_0.
            timesteps = torch.tensor(steps[:-1] + [500] if schedule != "linear" else steps)
            x0 = random(6, 2, 3, 3, seed=1, scale=0.6).clamp(-1, 1).double()
            noise = random(6, 2, 3, 3, seed=2).double()
            output = random(6, 4, 3, 3, seed=3, scale=0.7).double()
            if prediction == "sample":  # far from x_0 the likelihood at t = 0 is nothing but its lower bound
                output[:, :2] = x0 + 0.004 * output[:, :2]
            output = output.float().double().requires_grad_()
            loss = hybrid(float64_scheduler(DDPMScheduler, beta_schedule=schedule), prediction, x0, noise, output, timesteps)
            (gradient,) = torch.autograd.grad(loss, output)
            fixture.case(f"{prediction}_{schedule}", {"x0": x0, "noise": noise, "output": output, "grad_output": gradient},
                         prediction_type=prediction, beta_schedule=schedule, timesteps=timesteps.tolist(), loss=loss.item())
    fixture.write()
