"""SDEdit and inpainting as diffusers' pipelines do them, under the closed-form denoiser of samplers.py.

The loops are those of StableDiffusionImg2ImgPipeline and, for masks, StableDiffusionInpaintPipeline with a model that does not see
the mask: begin at a share of the steps from the noised picture, and put the known region back after each step, noised with
the same noise for the step that follows.
"""

import torch

from fixture import Fixture, random
from samplers import SHAPE
from solvers import exact_module

MASK = (torch.arange(SHAPE[3]) / (SHAPE[3] - 1)).reshape(1, 1, 1, -1).expand(1, 1, SHAPE[2], -1)  # 0 to 1 from left to right


def add(fixture: Fixture, kind: str, name: str, steps: int, strength: float, masked: bool, seed: int = 5, **config):
    module = exact_module(kind)
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randn(SHAPE, generator=generator).double()
    module.randn_tensor = lambda shape, **_: draw()
    scheduler = getattr(module, kind)(**config)
    scheduler.set_timesteps(steps)
    start = max(steps - min(int(steps * strength), steps), 0)
    timesteps = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    x0, noise = random(*SHAPE, seed=1, scale=0.5).double(), draw()
    # An inpainting at full strength begins with nothing of the picture.
    x = noise * float(scheduler.init_noise_sigma) if masked and strength == 1 else scheduler.add_noise(x0, noise, timesteps[:1])
    mask = MASK.double()
    for i, t in enumerate(timesteps):
        scaled = scheduler.scale_model_input(x, t)
        output = 0.9 * torch.tanh(0.8 * scaled + 0.5 * float(t) / scheduler.config.num_train_timesteps - 0.2)
        options = {"generator": generator} if kind in ("DDPMScheduler", "EulerAncestralDiscreteScheduler") else {}
        x = scheduler.step(output, t, x, **options).prev_sample
        if masked:
            known = scheduler.add_noise(x0, noise, timesteps[i + 1 : i + 2]) if i + 1 < len(timesteps) else x0
            x = (1 - mask) * known + mask * x
    stated = {key: value for key, value in scheduler.config.items() if not key.startswith("_") and value is not None}
    stated = {key: value for key, value in stated.items() if value != -float("inf")}
    fixture.case(name, {"x0": x0, "result": x}, **{"class": kind}, steps=steps, strength=strength, masked=masked, seed=seed, config=stated)


def make():
    fixture = Fixture("editing", """Pictures x0 changed as img2img and inpainting pipelines change them, with randn from one generator of that seed and the
        model of samplers_solvers. `strength` is the share of `steps` that is taken. `masked`: only as far as the mask says, which
        goes from 0 to 1 from the first column to the last. Tensor result: the changed pictures, all in float64.""")
    for kind, short in (
        ("DDPMScheduler", "ddpm"), ("DDIMScheduler", "ddim"), ("EulerDiscreteScheduler", "euler"),
        ("EulerAncestralDiscreteScheduler", "ancestral"), ("DPMSolverMultistepScheduler", "dpm"), ("UniPCMultistepScheduler", "unipc"),
        ("DEISMultistepScheduler", "deis"),
    ):
        for masked in (False, True):
            for strength in (0.3, 0.75, 1.0):
                add(fixture, kind, f"{short}_{int(strength * 100)}{'_masked' if masked else ''}", 10, strength, masked)
        add(fixture, kind, f"{short}_v", 12, 0.5, True, prediction_type="v_prediction", timestep_spacing="trailing")
    fixture.write()
