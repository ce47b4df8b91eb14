"""Diffusion transformers: diffusers' class, and the paper's own code with its names."""

import torch
from diffusers import DiTTransformer2DModel

from fixture import Fixture, random
from models import ABOUT
from modules import add
from networks import PaperDiT

BASE = dict(num_attention_heads=2, attention_head_dim=4, in_channels=3, num_layers=2, sample_size=8, patch_size=2, num_embeds_ada_norm=5)


def diffusers():
    fixture = Fixture("models_dit", f"diffusers' DiTTransformer2DModel. {ABOUT}")

    def dit(name, size=8, timesteps=(7, 421), labels=(4, 5), gradients=False, **options):
        config = BASE | options
        inputs = {"sample": random(len(timesteps), config["in_channels"], size, size, seed=5)}
        call = lambda model, sample: model(sample, torch.tensor(timesteps), torch.tensor(labels)).sample
        add(fixture, name, DiTTransformer2DModel(**config), inputs, call, gradients=gradients, config=config, timesteps=list(timesteps),
            class_labels=list(labels), gradients_stored=gradients)

    dit("base", gradients=True)
    dit("patch_4_learned_variance", patch_size=4, out_channels=6)
    dit("norm", norm_elementwise_affine=True, norm_eps=1e-3, gradients=True)
    dit("no_attention_bias", attention_bias=False)
    dit("one_pixel_patches", patch_size=1, sample_size=4, size=4)
    dit("larger", size=12)
    for activation in ["gelu", "geglu", "geglu-approximate", "swiglu", "linear-silu"]:
        dit(activation.replace("-", "_"), activation_fn=activation)
    fixture.write()


def paper():
    fixture = Fixture("models_dit_paper", f"The paper's own network (networks.py) with its names; pos_embed is stored too. {ABOUT}")
    config = dict(input_size=8, patch_size=2, in_channels=3, hidden_size=8, depth=2, num_heads=2, num_classes=5)
    timesteps, labels = [7, 421], [4, 5]
    call = lambda model, sample: model(sample, torch.tensor(timesteps), torch.tensor(labels))
    add(fixture, "base", PaperDiT(**config), {"sample": random(2, 3, 8, 8, seed=5)}, call, gradients=False, config=config,
        timesteps=timesteps, class_labels=labels, gradients_stored=False)
    fixture.write()


def make():
    diffusers()
    paper()
