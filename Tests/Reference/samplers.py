"""Trajectories of DDPMScheduler and DDIMScheduler under a fixed closed-form denoiser, over every option.

Two versions of each: `exact`, the scheduler's code over float64 tables, which judges the arithmetic; and `shipped`, as
diffusers runs it over float32 tables, which is what its pictures come from. (1 - abar) near t = 0 loses four digits in
float32, so the two differ by more than rounding; `float32_error` says by how much (null where float32 ends in NaN).
"""

import torch
from diffusers import DDIMScheduler, DDPMScheduler

from fixture import Fixture
from schedules import float64_scheduler

SHAPE = (2, 3, 4, 5)  # 120 numbers: longer than 16 and no multiple of it
KEEP_ALL = 12  # trajectories of more steps than this keep only their last state

ABOUT = """x starts as randn(shape) from torch.Generator().manual_seed(seed); each noisy step draws randn(shape) from the same
    generator. At each timestep t the model output is 0.9 tanh(0.8 x + 0.5 t / num_train_timesteps - 0.2). `config` is the scheduler's
    config; `timesteps` those of set_timesteps(steps). Tensors: initial; noise (draws, ...) where the case keeps them; exact (steps, ...),
    the state after each step by float64 arithmetic, or last only where `keeps` is "last"; exact_x0, the predicted x_0 of
    each step; shipped, the final state as diffusers computes it in float32."""


def denoiser(x: torch.Tensor, t: int, T: int) -> torch.Tensor:
    return 0.9 * torch.tanh(0.8 * x + 0.5 * int(t) / T - 0.2)


def run(scheduler, steps: int, dtype, seed: int, **step_options):
    generator = torch.Generator().manual_seed(seed)
    initial = torch.randn(SHAPE, generator=generator)
    scheduler.set_timesteps(steps)
    noises = []

    def recorded(shape, generator=None, **_):
        """randn_tensor, drawn in float32 whatever the arithmetic is, and remembered."""
        noises.append(torch.randn(shape, generator=generator))
        return noises[-1].to(dtype)

    module = __import__(type(scheduler).__module__, fromlist=["randn_tensor"])
    drawn, module.randn_tensor = module.randn_tensor, recorded
    try:
        x, states, predictions = initial.to(dtype), [], []
        for t in scheduler.timesteps:
            output = denoiser(x, t, scheduler.config.num_train_timesteps)
            if scheduler.config.get("variance_type") == "learned_range":
                output = torch.cat([output, torch.tanh(0.5 * x)], dim=1)
            result = scheduler.step(output, t, x, generator=generator, **step_options)
            x = result.prev_sample
            states.append(x)
            predictions.append(result.pred_original_sample)
    finally:
        module.randn_tensor = drawn
    return initial, noises, torch.stack(states), torch.stack(predictions)


def add(fixture: Fixture, kind, name: str, steps: int = 10, seed: int = 11, options: dict | None = None, **config):
    options = options or {}
    initial, noises, exact, predictions = run(float64_scheduler(kind, **config), steps, torch.float64, seed, **options)
    shipped = run(kind(**config), steps, torch.float32, seed, **options)[2][-1]
    scheduler = kind(**config)
    scheduler.set_timesteps(steps)
    whole = steps <= KEEP_ALL
    tensors = {"initial": initial}
    finite = bool(torch.isfinite(shipped).all())
    if finite:
        tensors["shipped"] = shipped
    tensors |= {"exact": exact, "exact_x0": predictions} if whole else {"exact": exact[-1]}
    if noises and whole:
        tensors["noise"] = torch.stack(noises)
    stated = {key: value for key, value in scheduler.config.items() if not key.startswith("_") and value is not None}
    timesteps = {"timesteps": scheduler.timesteps.tolist()} if steps <= 50 else {}
    fixture.case(name, tensors, steps=steps, seed=seed, noise_draws=len(noises), keeps="all" if whole else "last", **options, **timesteps,
                 float32_error=(shipped - exact[-1]).abs().max().item() if finite else None, config=stated)


PREDICTIONS = ("epsilon", "sample", "v_prediction")
ZERO_SNR = dict(rescale_betas_zero_snr=True, timestep_spacing="trailing")


def shared(fixture: Fixture, kind):
    """Options that both schedulers have."""
    add(fixture, kind, "default")
    add(fixture, kind, "unclipped", clip_sample=False)
    add(fixture, kind, "clip_range_2", clip_sample_range=2.0)
    add(fixture, kind, "thresholding", thresholding=True)
    add(fixture, kind, "thresholding_wide", thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1.5)
    add(fixture, kind, "thresholding_sample", thresholding=True, prediction_type="sample", dynamic_thresholding_ratio=0.5)
    for prediction in PREDICTIONS:
        add(fixture, kind, f"{prediction}_unclipped", prediction_type=prediction, clip_sample=False)
    for spacing in ("leading", "linspace", "trailing"):
        for steps in (7, 10):
            add(fixture, kind, f"{spacing}_{steps}", steps, timestep_spacing=spacing)
    add(fixture, kind, "trailing_1", 1, timestep_spacing="trailing")
    add(fixture, kind, "steps_offset", steps_offset=1)
    for prediction in ("sample", "v_prediction"):
        add(fixture, kind, f"zero_snr_{prediction}", prediction_type=prediction, **ZERO_SNR)
    for schedule in ("scaled_linear", "squaredcos_cap_v2"):
        add(fixture, kind, schedule, beta_schedule=schedule)
    add(fixture, kind, "short_training", 20, num_train_timesteps=200)
    add(fixture, kind, "every_step_of_12", 12, num_train_timesteps=12, beta_start=0.01, beta_end=0.3)
    for steps in (1, 2, 3, 50, 1000):
        add(fixture, kind, f"steps_{steps}", steps)


def ddpm():
    fixture = Fixture("samplers_ddpm", f"DDPMScheduler. {ABOUT} Every step but one at t = 0 draws noise.")
    shared(fixture, DDPMScheduler)
    for prediction in PREDICTIONS:
        for variance in ("fixed_small", "fixed_small_log", "fixed_large"):  # fixed_large_log takes a negative number's root
            add(fixture, DDPMScheduler, f"{prediction}_{variance}", prediction_type=prediction, variance_type=variance)
    for prediction in ("epsilon", "v_prediction"):
        add(fixture, DDPMScheduler, f"{prediction}_learned_range", prediction_type=prediction, variance_type="learned_range")
    add(fixture, DDPMScheduler, "sigmoid", beta_schedule="sigmoid")
    add(fixture, DDPMScheduler, "fixed_large_1000", 1000, variance_type="fixed_large")
    fixture.write()


def ddim():
    fixture = Fixture("samplers_ddim", f"DDIMScheduler. {ABOUT} With eta above 0 every step draws noise, that at t = 0 too.")
    shared(fixture, DDIMScheduler)
    for prediction in PREDICTIONS:
        for eta in (0.0, 0.5, 1.0):
            add(fixture, DDIMScheduler, f"{prediction}_eta{int(eta * 10)}", prediction_type=prediction, options={"eta": eta})
    add(fixture, DDIMScheduler, "alpha_not_one", set_alpha_to_one=False)
    add(fixture, DDIMScheduler, "alpha_not_one_offset_eta", set_alpha_to_one=False, steps_offset=1, options={"eta": 1.0})
    add(fixture, DDIMScheduler, "corrected", options={"use_clipped_model_output": True})
    add(fixture, DDIMScheduler, "corrected_eta", options={"use_clipped_model_output": True, "eta": 1.0})
    add(fixture, DDIMScheduler, "zero_snr_eta5", prediction_type="v_prediction", options={"eta": 0.5}, **ZERO_SNR)
    # The first step's 1 - abar_prev - sigma^2 is nothing but rounding; float32 makes it negative and its root NaN.
    add(fixture, DDIMScheduler, "zero_snr_eta10", prediction_type="v_prediction", options={"eta": 1.0}, **ZERO_SNR)
    add(fixture, DDIMScheduler, "eta_1000", 1000, options={"eta": 1.0})
    fixture.write()


def make():
    ddpm()
    ddim()
