"""Whole pipeline directories as diffusers writes them, and the pictures that it draws from them by seed."""

import json
import shutil

import safetensors.torch
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel

from fixture import FOLDER, Fixture, random
from modules import randomize

UNET = dict(
    sample_size=8, in_channels=3, out_channels=3, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)


def save(name: str, pipeline, unet: UNet2DModel, scheduler):
    """Writes the directory anew and opens it again, so that pictures come from the files alone."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    pipeline(unet=unet, scheduler=scheduler).save_pretrained(folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").chmod(0o644)
    return folder


def train(unet: UNet2DModel, scheduler, shape: tuple[int, int, int], steps: int = 400):
    """Teaches the network smooth random pictures: an untrained one amplifies rounding until its pictures are chance."""
    torch.manual_seed(4)
    optimizer = torch.optim.Adam(unet.parameters(), lr=5e-3)
    for _ in range(steps):
        coarse = torch.randn(32, shape[0], 3, 3)
        x0 = torch.nn.functional.interpolate(coarse, size=shape[1:], mode="bilinear").clamp(-1, 1)
        noise, t = torch.randn_like(x0), torch.randint(1000, (32,))
        target = noise if scheduler.config.prediction_type == "epsilon" else scheduler.get_velocity(x0, noise, t)
        loss = torch.nn.functional.mse_loss(unet(scheduler.add_noise(x0, noise, t), t).sample, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def draw(fixture: Fixture, name: str, folder, pipeline, steps: int, count: int, seed: int, **options):
    pipe = pipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)

    def images():
        generator = torch.Generator("cpu").manual_seed(seed)
        return pipe(batch_size=count, generator=generator, num_inference_steps=steps, output_type="pt", **options).images

    drawn = images()
    with torch.no_grad():
        for index, parameter in enumerate(pipe.unet.parameters()):
            parameter.mul_(1 + random(*parameter.shape, seed=index, scale=1e-7))
    sensitivity = (images() - drawn).abs().max().item()
    assert sensitivity < 0.2 / 255, (name, sensitivity)
    fixture.case(name, {"images": drawn, "pixels": (drawn * 255).round()}, directory=folder.name, pipeline=pipeline.__name__, steps=steps,
                 count=count, seed=seed, sensitivity=sensitivity, **options)


def make():
    fixture = Fixture("pipeline_pictures", """Pictures that diffusers' `pipeline` draws from `directory` with
        generator=torch.Generator("cpu").manual_seed(seed), batch_size=count, num_inference_steps=steps: tensors images (count, C, H, W)
        in [0, 1] and pixels, the same as bytes, round(255 x), stored as float32. `sensitivity`: how far images move when every weight moves by 1e-7 of itself.""")
    unet = UNet2DModel(**UNET)
    randomize(unet, seed=1)
    train(unet, DDPMScheduler(), (3, 8, 8))
    ddpm = save("pipeline_ddpm", DDPMPipeline, unet, DDPMScheduler())
    draw(fixture, "ddpm_10", ddpm, DDPMPipeline, 10, 3, 0)
    draw(fixture, "ddpm_1000", ddpm, DDPMPipeline, 1000, 2, 1)
    draw(fixture, "ddim_10", ddpm, DDIMPipeline, 10, 3, 0, eta=0.0)
    draw(fixture, "ddim_50_eta", ddpm, DDIMPipeline, 50, 2, 2, eta=0.5)

    unet = UNet2DModel(**UNET | dict(sample_size=(8, 12), in_channels=1, out_channels=1, resnet_time_scale_shift="scale_shift"))
    randomize(unet, seed=2)
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True,
                              set_alpha_to_one=False, clip_sample_range=1.5)
    train(unet, scheduler, (1, 8, 12))
    ddim = save("pipeline_ddim", DDIMPipeline, unet, scheduler)
    draw(fixture, "ddim_trailing", ddim, DDIMPipeline, 12, 3, 5)
    fixture.write()

    values = torch.cat([random(13, seed=1), torch.tensor([0.0, -0.0, 1.0, 65504.0, 6e-8, 1e-5, -3.5])]).reshape(4, 5)
    stored = {"float32": values, "float16": values.half(), "bfloat16": values.bfloat16()}
    path = FOLDER / "precisions.safetensors"
    safetensors.torch.save_file(stored, path, metadata={"format": "pt"})
    path.chmod(0o644)
    about = "precisions.safetensors holds one tensor (4, 5) in three precisions; here the float32 values of each."
    expected = {key: value.float().flatten().tolist() for key, value in stored.items()}
    (FOLDER / "precisions.json").write_text(json.dumps({"about": about, **expected}) + "\n")
