"""Pipelines of real sizes with random weights, to measure time and memory with.

python real_sizes.py sd15 DIRECTORY   Stable Diffusion 1.5, 32 bits, 4.3 GB
python real_sizes.py sdxl DIRECTORY   Stable Diffusion XL base, 16 bits, 6.9 GB

Needs torch, diffusers and transformers.
"""

import json
import sys
import tempfile
from pathlib import Path

import diffusers
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

MERGES = Path(__file__).parents[2] / "Sources/CTextTables/clip_merges.txt"


def tokenizer(pad: str) -> CLIPTokenizer:
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in kept] + [chr(256 + n) for n in range(256 - len(kept))]
    merges = [line for line in MERGES.read_text().splitlines() if line]
    entries = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary, file = Path(scratch) / "vocab.json", Path(scratch) / "merges.txt"
        vocabulary.write_text(json.dumps({e: i for i, e in enumerate(entries)}))
        file.write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        return CLIPTokenizer(str(vocabulary), str(file), pad_token=pad, model_max_length=77)


def encoder(width: int, layers: int, act: str, projection: bool):
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=width // 64, hidden_act=act,
        projection_dim=width)
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def vae(scaling: float) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2, sample_size=512, scaling_factor=scaling)


BETAS = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)


def sd15():
    return diffusers.StableDiffusionPipeline(
        vae(0.18215), encoder(768, 12, "quick_gelu", False), tokenizer("<|endoftext|>"),
        diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        diffusers.PNDMScheduler(skip_prk_steps=True, **BETAS), None, None, requires_safety_checker=False)


def sdxl():
    torch.set_default_dtype(torch.float16)
    unet = diffusers.UNet2DConditionModel(
        sample_size=128, cross_attention_dim=2048, block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(5, 10, 20),
        transformer_layers_per_block=(1, 2, 10), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)
    return diffusers.StableDiffusionXLPipeline(
        vae(0.13025), encoder(768, 12, "quick_gelu", False), encoder(1280, 32, "gelu", True), tokenizer("<|endoftext|>"), tokenizer("!"),
        unet, diffusers.EulerDiscreteScheduler(**BETAS))


if __name__ == "__main__":
    torch.manual_seed(0)
    {"sd15": sd15, "sdxl": sdxl}[sys.argv[1]]().save_pretrained(sys.argv[2])
