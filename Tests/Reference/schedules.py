"""Noise schedules, timesteps and loss weights: what diffusers computes in float32, and the same formulas in float64."""

import math

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers.scheduling_ddpm import betas_for_alpha_bar, rescale_zero_terminal_snr
from diffusers.training_utils import compute_snr

from fixture import Fixture, random


def betas64(schedule: str, T: int, start: float = 1e-4, end: float = 0.02) -> torch.Tensor:
    """The schedules of Ho et al. 2020, Nichol & Dhariwal 2021 and others by their formulas, in float64."""
    steps = torch.arange(T, dtype=torch.float64)
    even = steps / max(T - 1, 1)
    if schedule == "linear":
        return start + (end - start) * even
    if schedule in ("scaled_linear", "quadratic"):
        return (start**0.5 + (end**0.5 - start**0.5) * even) ** 2
    if schedule == "squaredcos_cap_v2":
        alpha_bar = lambda t: math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        return torch.tensor([min(1 - alpha_bar((t + 1) / T) / alpha_bar(t / T), 0.999) for t in range(T)], dtype=torch.float64)
    if schedule == "sigmoid":
        return torch.sigmoid(-6 + 12 * even) * (end - start) + start
    if schedule == "exponential":
        return start * (end / start) ** (steps / T)
    assert schedule == "constant"
    return torch.full((T,), end, dtype=torch.float64)


def float64_scheduler(kind, **config):
    """A diffusers scheduler whose tables are the float64 formulas instead of float32 ones; its code is untouched."""
    scheduler = kind(**config)
    betas = betas64(scheduler.config.beta_schedule, len(scheduler.betas), scheduler.config.beta_start, scheduler.config.beta_end)
    if scheduler.config.rescale_betas_zero_snr:
        betas = rescale_zero_terminal_snr(betas)
    assert torch.allclose(betas, scheduler.betas.double(), rtol=1e-2, atol=1e-6)
    scheduler.betas, scheduler.alphas = betas, 1 - betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    if kind is DDPMScheduler:
        scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    else:
        whole = torch.tensor(1.0, dtype=torch.float64)
        scheduler.final_alpha_cumprod = whole if scheduler.config.set_alpha_to_one else scheduler.alphas_cumprod[0]
    return scheduler


def betas():
    fixture = Fixture("schedules", """betas and alphas_cumprod of every schedule. `betas` and `alphas_cumprod` in the JSON are the
        float64 formulas at `indices`; `max_abs_error_float32` says how far diffusers' float32 tables stray from them. The
        tensors <case>.betas and <case>.alphas_cumprod are diffusers' float32 tables, where diffusers has the schedule.
        quadratic is scaled_linear by another name; exponential is beta_start (beta_end / beta_start)^(t / T); constant is
        beta_end.""")

    def add(name, schedule, T, start=1e-4, end=0.02, rescale=False):
        exact = betas64(schedule, T, start, end)
        if rescale:
            exact = rescale_zero_terminal_snr(exact)
        products = torch.cumprod(1 - exact, dim=0)
        indices = sorted({0, 1, 2, 3, T // 10, T // 4, T // 2, 3 * T // 4, 9 * T // 10, T - 3, T - 2, T - 1} & set(range(T)))
        tensors, options = {}, {}
        if schedule in ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"):
            scheduler = DDPMScheduler(num_train_timesteps=T, beta_schedule=schedule, beta_start=start, beta_end=end, rescale_betas_zero_snr=rescale)
            tensors = {"betas": scheduler.betas, "alphas_cumprod": scheduler.alphas_cumprod}
            options["max_abs_error_float32"] = {
                "betas": (scheduler.betas - exact).abs().max().item(),
                "alphas_cumprod": (scheduler.alphas_cumprod - products).abs().max().item(),
            }
        fixture.case(name, tensors, beta_schedule=schedule, num_train_timesteps=T, beta_start=start, beta_end=end,
                     rescale_betas_zero_snr=rescale, indices=indices, betas=exact[indices].tolist(),
                     alphas_cumprod=products[indices].tolist(), **options)

    for schedule in ("linear", "scaled_linear", "quadratic", "squaredcos_cap_v2", "sigmoid", "exponential", "constant"):
        add(f"{schedule}_1000", schedule, 1000)
        add(f"{schedule}_200", schedule, 200)
    add("scaled_linear_stable_diffusion", "scaled_linear", 1000, 0.00085, 0.012)
    add("linear_10", "linear", 10, 1e-3, 0.2)
    for schedule in ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"):
        add(f"{schedule}_zero_snr", schedule, 1000, rescale=True)
    fixture.write()


def timesteps():
    fixture = Fixture("schedules_timesteps", "The timesteps that set_timesteps gives, which DDPM and DDIM share.")
    for T, counts in ((1000, (1, 2, 3, 7, 10, 27, 50, 333, 600, 1000)), (200, (1, 3, 20, 200)), (10, (1, 3, 4, 10))):
        for spacing in ("leading", "linspace", "trailing"):
            for offset in (0, 1) if spacing == "leading" else (0,):
                for count in counts:
                    config = dict(num_train_timesteps=T, timestep_spacing=spacing, steps_offset=offset)
                    ddpm, ddim = DDPMScheduler(**config), DDIMScheduler(**config)
                    ddpm.set_timesteps(count)
                    ddim.set_timesteps(count)
                    assert torch.equal(ddpm.timesteps, ddim.timesteps)
                    if ddpm.timesteps.max() < T:  # an offset can run past the end; diffusers then fails at the first step
                        fixture.case(f"{spacing}_{T}_{count}_offset{offset}", steps=count, timesteps=ddpm.timesteps.tolist(), **config)
    fixture.write()


def weights():
    fixture = Fixture("schedules_loss_weights", """Signal-to-noise ratios abar / (1 - abar) at `timesteps` and the min-SNR weights
        (Hang et al. 2023, arXiv:2303.09556) for each prediction type: epsilon min(snr, gamma) / snr, v_prediction
        min(snr, gamma) / (snr + 1), sample min(snr, gamma). Also x_t = add_noise(x_0, noise, t) and v = get_velocity at
        those timesteps: tensors x0, noise (one row each for a timestep), noisy, velocity. All in float64.""")
    steps = [0, 1, 10, 100, 250, 500, 750, 998, 999]
    for schedule in ("linear", "squaredcos_cap_v2"):
        scheduler = float64_scheduler(DDPMScheduler, beta_schedule=schedule)
        t = torch.tensor(steps)
        snr = scheduler.alphas_cumprod[t] / (1 - scheduler.alphas_cumprod[t])
        assert torch.allclose(snr, compute_snr(scheduler, t).double(), rtol=1e-5)
        x0, noise = random(len(steps), 3, 4, 5, seed=1), random(len(steps), 3, 4, 5, seed=2)
        for gamma in (5.0, 1.0):
            least = snr.clamp(max=gamma)
            fixture.case(f"{schedule}_gamma{gamma:.0f}", {
                "x0": x0, "noise": noise, "noisy": scheduler.add_noise(x0.double(), noise.double(), t),
                "velocity": scheduler.get_velocity(x0.double(), noise.double(), t),
            } if gamma == 5.0 else None, beta_schedule=schedule, num_train_timesteps=1000, gamma=gamma, timesteps=steps, snr=snr.tolist(),
                epsilon=(least / snr).tolist(), v_prediction=(least / (snr + 1)).tolist(), sample=least.tolist())
    fixture.write()


def make():
    betas()
    timesteps()
    weights()
