"""Autoencoders: whole small random networks, and a pipeline directory with a transformer and an autoencoder."""

import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel
from safetensors.torch import load_file, save_file

from dit import BASE
from fixture import FOLDER, Fixture, random
from modules import add, randomize

SMALL = dict(
    in_channels=3, out_channels=3, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, latent_channels=2, sample_size=8,
    down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
)


def networks():
    fixture = Fixture("models_autoencoder", """diffusers' AutoencoderKL. `config` holds the constructor's arguments. `direction`: encode, whose
        output is mean and log-variance (before it is clamped) in one tensor (N, 2 C, H, W); decode, of latents. Tensors: weights.<parameter>
        of the whole network, sample, output; where `gradients_stored` is true also cotangent, grad_sample and grad.<parameter> of those
        that take part. Float64 arithmetic on float32 weights.""")

    def case(name, direction, size=(8, 8), gradients=False, **options):
        config = SMALL | options
        channels = config["in_channels"] if direction == "encode" else config["latent_channels"]
        call = (lambda model, sample: model.encode(sample).latent_dist.parameters) if direction == "encode" else \
            (lambda model, sample: model.decode(sample).sample)
        add(fixture, name, AutoencoderKL(**config), {"sample": random(2, channels, *size, seed=5)}, call, gradients=gradients, config=config,
            direction=direction, gradients_stored=gradients)

    case("encode", "encode", gradients=True)
    case("decode", "decode", size=(4, 4), gradients=True)
    three = dict(block_out_channels=(4, 4, 8), down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
                 layers_per_block=2, in_channels=1, out_channels=1)
    case("encode_three_levels", "encode", size=(12, 8), **three)
    case("decode_three_levels", "decode", size=(3, 2), **three)
    plain = dict(use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False, act_fn="relu")
    case("encode_plain", "encode", **plain)
    case("decode_plain", "decode", size=(4, 4), **plain)
    fixture.write()


def pipeline():
    folder = FOLDER / "pipeline_dit"
    shutil.rmtree(folder, ignore_errors=True)
    transformer = DiTTransformer2DModel(**BASE | dict(in_channels=2, out_channels=4, sample_size=4))
    vae = AutoencoderKL(**SMALL | dict(scaling_factor=0.5))
    randomize(transformer, seed=1)
    randomize(vae, seed=2)
    scheduler = DDIMScheduler(clip_sample=False)
    DiTPipeline(transformer, vae, scheduler).save_pretrained(folder)
    # The mid-blocks' attention under the names that old versions of diffusers gave it.
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def renamed(name):
        for new, former in old.items():
            name = name.replace(new, former)
        return name

    save_file({renamed(name): tensor for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)

    pipe = DiTPipeline.from_pretrained(folder, local_files_only=True)
    fixture = Fixture("pipeline_dit_pictures", """What the parts of the directory pipeline_dit give, computed by diffusers in float32: noise
        (N, C, H, W) that the transformer predicts for `sample` at `timesteps` with `class_labels`, and the `picture` that the autoencoder
        decodes from `sample` divided by its scaling_factor.""")
    sample, timesteps, labels = random(2, 2, 4, 4, seed=5), [7, 421], [4, 5]
    with torch.no_grad():
        noise = pipe.transformer(sample, torch.tensor(timesteps), torch.tensor(labels)).sample
        picture = pipe.vae.decode(sample / pipe.vae.config.scaling_factor).sample
    fixture.case("parts", {"sample": sample, "noise": noise, "picture": picture}, timesteps=timesteps, class_labels=labels)
    fixture.write()


def make():
    networks()
    pipeline()
