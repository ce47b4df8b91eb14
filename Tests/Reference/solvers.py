"""Trajectories of diffusers' schedulers other than DDPM's and DDIM's, under the closed-form denoiser of samplers.py.

The scheduler's own code runs, with float64 put for float32 in its source: float32 loses up to four digits of 1 - abar near
t = 0, which would hide errors of the same size.
"""

import sys
import types
from pathlib import Path

import diffusers
import torch

from fixture import Fixture
from samplers import SHAPE

ABOUT = """`class` is diffusers' scheduler, `config` its config. x starts as randn(shape) from torch.Generator().manual_seed(seed) times
    `init_noise_sigma`; each noisy step draws randn(shape) from the same generator. At each timestep t the model output is 0.9 tanh(0.8 x
    + 0.5 t / num_train_timesteps - 0.2), x scaled by scale_model_input. `timesteps`: what the denoiser is told at each call. Tensor
    exact (calls, ...): the state after each call, all in float64. DPMSolverSDEScheduler gets a Brownian motion whose increments
    are drawn from that generator, in place of torchsde's tree."""


def exact_module(kind: str):
    """The module of the scheduler with double precision throughout."""
    folder = Path(diffusers.schedulers.__path__[0])
    path = next(path for path in folder.glob("scheduling_*.py") if f"class {kind}(" in path.read_text())
    sys.modules.setdefault("torchsde", types.ModuleType("torchsde"))  # imported, but replaced by Brownian below
    module = types.ModuleType(f"diffusers.schedulers.{path.stem}_exact")
    module.__package__ = "diffusers.schedulers"
    sys.modules[module.__name__] = module
    source = path.read_text().replace("np.float32", "np.float64").replace("torch.float32", "torch.float64")
    exec(compile(source, path, "exec"), module.__dict__)
    return module


class Brownian:
    """W(sigma_next) - W(sigma) over the square root of the distance, for the two overlapping intervals of a step."""

    def __init__(self, draw):
        self.draw, self.first = draw, None

    def __call__(self, sigma, sigma_next):
        new = self.draw()
        if self.first is None:
            self.first = (new, sigma, sigma_next)
            return new
        old, begin, middle = self.first
        self.first = None
        return (old * (begin - middle).sqrt() + new * (middle - sigma_next).sqrt()) / (begin - sigma_next).sqrt()


def add(fixture: Fixture, kind: str, name: str, steps: int = 8, seed: int = 11, **config):
    module = exact_module(kind)
    generator = torch.Generator().manual_seed(seed)
    draws = 0

    def drawn(*_, **__):
        nonlocal draws
        draws += 1
        return torch.randn(SHAPE, generator=generator).double()

    module.randn_tensor = lambda shape, **_: drawn()
    scheduler = getattr(module, kind)(**config)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps.tolist()
    x = torch.randn(SHAPE, generator=generator).double() * float(scheduler.init_noise_sigma)
    if kind == "DPMSolverSDEScheduler":
        scheduler.noise_sampler = Brownian(drawn)
    states = []
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        output = 0.9 * torch.tanh(0.8 * scaled + 0.5 * float(t) / scheduler.config.num_train_timesteps - 0.2)
        x = scheduler.step(output, t, x, **({"generator": generator} if kind.startswith(("EulerA", "DPMSolverM")) else {})).prev_sample
        states.append(x)
    stated = {key: value for key, value in scheduler.config.items() if not key.startswith("_") and value is not None}
    stated = {key: value for key, value in stated.items() if value != -float("inf")}
    fixture.case(name, {"exact": torch.stack(states)}, **{"class": kind}, steps=steps, seed=seed, noise_draws=draws,
                 init_noise_sigma=float(scheduler.init_noise_sigma), timesteps=timesteps, config=stated)


PREDICTIONS = ("epsilon", "sample", "v_prediction")
SPACINGS = ("leading", "linspace", "trailing")
SIGMAS = ("karras", "exponential", "beta")
ZERO_SNR = dict(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")


def make():
    fixture = Fixture("samplers_solvers", ABOUT)

    def common(kind, short, predictions=PREDICTIONS, sigmas=True, zero=False, **config):
        for prediction in predictions:
            add(fixture, kind, f"{short}_{prediction}", prediction_type=prediction, **config)
        for spacing in SPACINGS:
            add(fixture, kind, f"{short}_{spacing}", 7, timestep_spacing=spacing, **config)
        add(fixture, kind, f"{short}_offset", timestep_spacing="leading", steps_offset=1, **config)
        # From sigma 24,000 Heun's first step to 13 loses all digits: it begins lower.
        lower = {"timestep_spacing": "leading"} if short == "heun" else {}
        add(fixture, kind, f"{short}_cosine", beta_schedule="squaredcos_cap_v2", **lower, **config)
        add(fixture, kind, f"{short}_scaled", beta_schedule="scaled_linear", **config)
        for sigma in SIGMAS if sigmas else ():
            add(fixture, kind, f"{short}_{sigma}", **{f"use_{sigma}_sigmas": True}, **config)
        if zero:
            add(fixture, kind, f"{short}_zero_snr", **ZERO_SNR, **config)
        add(fixture, kind, f"{short}_long", 20, **config)

    common("EulerDiscreteScheduler", "euler", zero=True)
    add(fixture, "EulerDiscreteScheduler", "euler_1", 1)
    add(fixture, "EulerDiscreteScheduler", "euler_sigma_min", final_sigmas_type="sigma_min")
    add(fixture, "EulerDiscreteScheduler", "euler_karras_range", use_karras_sigmas=True, sigma_min=0.1, sigma_max=20.0)
    add(fixture, "EulerDiscreteScheduler", "euler_log_linear", interpolation_type="log_linear")
    add(fixture, "EulerDiscreteScheduler", "euler_continuous", prediction_type="v_prediction", timestep_type="continuous")
    common("EulerAncestralDiscreteScheduler", "ancestral", predictions=("epsilon", "v_prediction"), sigmas=False, zero=True)
    common("HeunDiscreteScheduler", "heun")
    add(fixture, "HeunDiscreteScheduler", "heun_clipped", clip_sample=True, clip_sample_range=0.7)
    common("LMSDiscreteScheduler", "lms")
    common("DPMSolverSDEScheduler", "sde", predictions=("epsilon", "v_prediction"))

    dpm = "DPMSolverMultistepScheduler"
    common(dpm, "dpm", zero=True)
    for order in (1, 2, 3):
        for algorithm in ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"):
            if order == 3 and algorithm == "sde-dpmsolver":
                continue
            for solver in ("midpoint", "heun") if order == 2 else ("midpoint",):
                add(fixture, dpm, f"dpm_{order}_{algorithm.replace('+', 'p')}_{solver}", 16, solver_order=order, algorithm_type=algorithm,
                    solver_type=solver, final_sigmas_type="zero" if algorithm.endswith("+") else "sigma_min")
    add(fixture, dpm, "dpm_lu", use_lu_lambdas=True)
    add(fixture, dpm, "dpm_lu_cosine", use_lu_lambdas=True, beta_schedule="squaredcos_cap_v2")
    add(fixture, dpm, "dpm_karras_cosine", use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2")
    add(fixture, dpm, "dpm_clipped", lambda_min_clipped=-2.0, beta_schedule="squaredcos_cap_v2")
    add(fixture, dpm, "dpm_clipped_trailing", lambda_min_clipped=-2.0, timestep_spacing="trailing")
    add(fixture, dpm, "dpm_thresholding", thresholding=True, dynamic_thresholding_ratio=0.8)
    add(fixture, dpm, "dpm_thresholding_noise", thresholding=True, algorithm_type="dpmsolver", final_sigmas_type="sigma_min")
    add(fixture, dpm, "dpm_euler_final", 16, euler_at_final=True, final_sigmas_type="sigma_min", solver_order=3)
    add(fixture, dpm, "dpm_no_lower", lower_order_final=False, final_sigmas_type="sigma_min", solver_order=3)
    add(fixture, dpm, "dpm_3_few", solver_order=3)

    deis = "DEISMultistepScheduler"
    common(deis, "deis")
    for order in (1, 3):
        add(fixture, deis, f"deis_{order}", solver_order=order)
        add(fixture, deis, f"deis_{order}_long", 16, solver_order=order)
    add(fixture, deis, "deis_no_lower", solver_order=3, lower_order_final=False)
    add(fixture, deis, "deis_thresholding", thresholding=True, dynamic_thresholding_ratio=0.8)

    unipc = "UniPCMultistepScheduler"
    common(unipc, "unipc", zero=True)
    for order in (1, 3):
        add(fixture, unipc, f"unipc_{order}", solver_order=order)
    add(fixture, unipc, "unipc_3_bh1", 12, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min")
    add(fixture, unipc, "unipc_noise", 12, solver_order=3, predict_x0=False, final_sigmas_type="sigma_min")
    add(fixture, unipc, "unipc_no_lower", lower_order_final=False, final_sigmas_type="sigma_min", solver_order=3)
    add(fixture, unipc, "unipc_disabled", disable_corrector=[0, 1, 4])
    add(fixture, unipc, "unipc_karras_range", use_karras_sigmas=True, sigma_min=0.1, sigma_max=20.0)
    add(fixture, unipc, "unipc_thresholding", thresholding=True, dynamic_thresholding_ratio=0.8)

    pndm = "PNDMScheduler"
    for skip in (False, True):
        short = "plms" if skip else "pndm"
        for prediction in ("epsilon", "v_prediction"):
            add(fixture, pndm, f"{short}_{prediction}", skip_prk_steps=skip, prediction_type=prediction)
        for spacing in SPACINGS:
            add(fixture, pndm, f"{short}_{spacing}", 7, skip_prk_steps=skip, timestep_spacing=spacing)
        add(fixture, pndm, f"{short}_offset_to_one", skip_prk_steps=skip, steps_offset=1, set_alpha_to_one=True)
        add(fixture, pndm, f"{short}_4", 4, skip_prk_steps=skip)
    for steps in (1, 2, 3):
        add(fixture, pndm, f"plms_{steps}", steps, skip_prk_steps=True)
    fixture.write()
