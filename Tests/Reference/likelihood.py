"""The variational bound of a model in bits per dimension, term by term, with noise and outputs given."""

import math

import torch
from diffusers import DDPMScheduler
from torch.distributions import Normal, kl_divergence

from fixture import Fixture, random
from schedules import float64_scheduler


def terms(scheduler, x0, noise, output, t):
    """L_t-1 (L_0 at t = 0) of each sample, and the mean squared errors of x_0 and of the noise."""
    config = scheduler.config
    abar, beta = scheduler.alphas_cumprod, scheduler.betas
    before = lambda t: abar[t - 1] if t > 0 else torch.tensor(1.0, dtype=torch.float64)
    posterior = lambda t: beta[t] * (1 - before(t)) / (1 - abar[t])
    least = posterior(max(t, 1))
    s, n = abar[t].sqrt(), (1 - abar[t]).sqrt()
    xt = s * x0 + n * noise
    mean, share = output.chunk(2, dim=1) if output.shape[1] > x0.shape[1] else (output, None)
    predicted = {"epsilon": (xt - n * mean) / s, "v_prediction": s * xt - n * mean, "sample": mean}[config.prediction_type]
    if config.clip_sample:
        predicted = predicted.clamp(-1, 1)
    if config.variance_type == "learned_range":
        log_variance = (share + 1) / 2 * beta[t].log() + (1 - share) / 2 * least.log()
    else:
        large = config.variance_type == "fixed_large" and t > 0
        log_variance = (beta[t] if large else least).log().expand_as(x0)
    errors = ((predicted - x0) ** 2).mean((1, 2, 3)), (((xt - s * predicted) / n - noise) ** 2).mean((1, 2, 3))
    if t > 0:
        to_mean = lambda x: before(t).sqrt() * beta[t] / (1 - abar[t]) * x + (1 - beta[t]).sqrt() * (1 - before(t)) / (1 - abar[t]) * xt
        nats = kl_divergence(Normal(to_mean(x0), least.sqrt()), Normal(to_mean(predicted), (log_variance / 2).exp()))
    else:
        cdf = lambda x: 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        inverse = (-log_variance / 2).exp()
        upper, lower = cdf((x0 - predicted + 1 / 255) * inverse), cdf((x0 - predicted - 1 / 255) * inverse)
        nats = -torch.where(x0 < -0.999, upper, torch.where(x0 > 0.999, 1 - lower, upper - lower)).clamp(min=1e-12).log()
    return nats.mean((1, 2, 3)) / math.log(2), *errors


def prior(scheduler, x0):
    abar = scheduler.alphas_cumprod[-1]
    return kl_divergence(Normal(abar.sqrt() * x0, (1 - abar).sqrt()), Normal(0.0, 1.0)).mean((1, 2, 3)) / math.log(2)


def make():
    fixture = Fixture("likelihood", """The variational bound in bits per dimension. Tensors x0 (N, C, H, W) of 256 levels; for each of
        `timesteps` noise.<t> and output.<t>, (N, C, H, W) or (N, 2 C, H, W). `prior` of each sample; `terms` for each timestep: bits,
        xstart_mse and mse of each sample. In float64.""")
    cases = [(prediction, variance, clip) for prediction in ("epsilon", "v_prediction", "sample")
             for variance, clip in (("fixed_small", True), ("fixed_large", False), ("learned_range", True))]
    for number, (prediction, variance, clip) in enumerate(cases):
        steps = 20
        scheduler = float64_scheduler(DDPMScheduler, num_train_timesteps=steps, beta_start=0.001, beta_end=0.4, prediction_type=prediction,
                                      variance_type=variance, clip_sample=clip)
        x0 = ((random(3, 2, 4, 4, seed=number, scale=0.7).clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1).double()
        timesteps, tensors, found = [0, 1, 7, steps - 1], {"x0": x0}, []
        for t in timesteps:
            noise = random(*x0.shape, seed=100 * number + t + 1).double()
            target = {"epsilon": noise, "sample": x0, "v_prediction": scheduler.get_velocity(x0, noise, torch.full((3,), t))}[prediction]
            # A model that is nearly right, as trained ones are.
            output = target + random(*x0.shape, seed=100 * number + t + 51, scale=0.02 if t == 0 else 0.2)
            if variance == "learned_range":
                output = torch.cat([output, random(*x0.shape, seed=100 * number + t + 76, scale=0.8)], dim=1)
            # What is stored is float32, and so is what is computed from.
            tensors |= {f"noise.{t}": noise, f"output.{t}": output}
            bits, sample_error, noise_error = terms(scheduler, x0.float().double(), noise.float().double(), output.float().double(), t)
            found.append(dict(bits=bits.tolist(), xstart_mse=sample_error.tolist(), mse=noise_error.tolist()))
        fixture.case(f"{prediction}_{variance}", tensors, prediction_type=prediction, variance_type=variance, clip_sample=clip,
                     num_train_timesteps=steps, beta_start=0.001, beta_end=0.4, timesteps=timesteps,
                     prior=prior(scheduler, x0.float().double()).tolist(), terms=found)
    fixture.write()
