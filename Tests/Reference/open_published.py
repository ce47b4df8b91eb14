"""Opens a published model directory with diffusers, draws the same pictures and compares them.

python open_published.py MODEL PICTURES --sampler ddpm --steps 50 --seed 0 [--eta 0] [--label 3] [--autoencoder DIRECTORY]

MODEL is a pipeline directory; PICTURES holds 00000.png, 00001.png, ..., drawn from it in one batch with `rng: torch` and that
seed. DIRECTORY is the published autoencoder that a DiTPipeline was trained on. Exit status: 0 the same within 1/255, 1 not, 77 skipped because torch or diffusers cannot be imported.
"""

import argparse
import json
import re
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
    from diffusers import AutoencoderKL, DDIMPipeline, DDIMScheduler, DDPMPipeline, DiTPipeline, utils
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def draw_latents(arguments, count: int) -> np.ndarray:
    """Pictures (N, H, W, C) in [0, 1] of a diffusion transformer and its autoencoder, by DDIM without guidance."""
    pipeline = DiTPipeline.from_pretrained(arguments.model, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    if arguments.autoencoder:  # the same by itself and within the pipeline
        alone = AutoencoderKL.from_pretrained(arguments.autoencoder, local_files_only=True)
        assert alone.config.scaling_factor == pipeline.vae.config.scaling_factor
        within = pipeline.vae.state_dict()
        assert all(torch.equal(tensor, within[name]) for name, tensor in alone.state_dict().items())
    generator = torch.Generator("cpu").manual_seed(arguments.seed)
    return pipeline([arguments.label] * count, guidance_scale=1, generator=generator, num_inference_steps=arguments.steps, output_type="np").images


def draw(arguments, count: int) -> np.ndarray:
    """Pictures (N, H, W, C) in [0, 1]."""
    if json.loads((arguments.model / "model_index.json").read_text())["_class_name"] == "DiTPipeline":
        return draw_latents(arguments, count)
    pipeline = {"ddpm": DDPMPipeline, "ddim": DDIMPipeline}[arguments.sampler].from_pretrained(arguments.model, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    if arguments.label is not None:  # neither pipeline passes class labels on
        forward = pipeline.unet.forward
        labels = torch.full((count,), arguments.label)
        pipeline.unet.forward = lambda sample, timestep: forward(sample, timestep, class_labels=labels)
    options = {"eta": arguments.eta} if arguments.sampler == "ddim" else {}
    generator = torch.Generator("cpu").manual_seed(arguments.seed)
    return pipeline(batch_size=count, generator=generator, num_inference_steps=arguments.steps, output_type="np", **options).images


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--sampler", choices=["ddpm", "ddim"], required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--eta", type=float, default=0.0)
    parser.add_argument("--label", type=int)
    parser.add_argument("--autoencoder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    utils.logging.set_verbosity_error()
    utils.logging.disable_progress_bar()

    files = sorted(path for path in arguments.pictures.iterdir() if re.fullmatch(r"\d+\.png", path.name))
    if not files:
        print(f"different: {arguments.pictures} holds no numbered PNG")
        return 1
    theirs = np.rint(draw(arguments, len(files)) * 255).astype(int)
    ours = np.stack([np.asarray(Image.open(path)).reshape(*theirs.shape[1:3], -1) for path in files]).astype(int)
    if ours.shape != theirs.shape:
        print(f"different: pictures are {ours.shape}, diffusers draws {theirs.shape}")
        return 1
    largest = abs(ours - theirs).max()
    differing = (ours != theirs).mean()
    word = "same" if largest <= 1 else "different"
    print(f"{word}: {len(files)} pictures by {arguments.sampler}, largest difference {largest}/255, {differing:.2%} of the values differ")
    return 0 if largest <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
