"""Whole small random networks: weights, inputs, outputs, and for some the gradient to every parameter."""

import copy

import torch
from diffusers import UNet2DModel

from fixture import Fixture, random
from modules import add
from networks import AnnotatedUnet, MinidiffusionMLP

ABOUT = """`config` holds the constructor's arguments. Tensors: weights.<parameter>, sample, output; where `gradients_stored` is true
    also cotangent, grad_sample and grad.<parameter>. `timesteps` and `class_labels` stand in the JSON. Float64 arithmetic on
    float32 weights, but time embeddings in float32 as the reference computes them."""

DOWN, ATTENTION_DOWN, UP, ATTENTION_UP = "DownBlock2D", "AttnDownBlock2D", "UpBlock2D", "AttnUpBlock2D"
BASE = dict(
    sample_size=8, in_channels=3, out_channels=3, block_out_channels=(6, 12), layers_per_block=1, norm_num_groups=3, attention_head_dim=4,
    down_block_types=(DOWN, ATTENTION_DOWN), up_block_types=(ATTENTION_UP, UP),
)
SMALL = BASE | dict(in_channels=1, out_channels=1, block_out_channels=(4, 4), norm_num_groups=2, attention_head_dim=2)


def unet2d():
    fixture = Fixture("models_unet2d", f"diffusers' UNet2DModel. {ABOUT}")

    def unet(name, base=SMALL, size=(8, 8), timesteps=(7, 421), labels=None, label_vectors=None, gradients=False, trace=None, **options):
        config = base | options
        model = UNet2DModel(**config)
        inputs = {"sample": random(len(timesteps), config["in_channels"], *size, seed=5)}
        if label_vectors is not None:
            inputs["class_labels"] = label_vectors
        if config.get("class_embed_type") == "timestep":  # time_proj gives float32, which float64 weights refuse
            model.class_embedding.register_forward_pre_hook(lambda module, args: (args[0].to(module.linear_1.weight.dtype),))
        if config.get("time_embedding_type") == "fourier":  # float32 features whatever the weights are, as the others have
            model.time_proj.register_forward_hook(lambda module, args, output: copy.deepcopy(module).float().forward(*args).to(output.dtype))

        def call(model, sample, class_labels=None):
            if labels is not None:
                class_labels = torch.tensor(labels)
            return model(sample, torch.tensor(timesteps), class_labels=class_labels).sample

        add(fixture, name, model, inputs, call, gradients=gradients, trace=trace, config=config, timesteps=list(timesteps),
            class_labels=labels, gradients_stored=gradients)

    unet("base", BASE, gradients=True, trace=[
        "conv_in", "time_embedding", "down_blocks.0.resnets.0", "down_blocks.0", "down_blocks.1.attentions.0", "down_blocks.1",
        "mid_block.attentions.0", "mid_block", "up_blocks.0.resnets.0", "up_blocks.0", "up_blocks.1", "conv_norm_out",
    ])
    unet("scale_shift", resnet_time_scale_shift="scale_shift", gradients=True)
    unet("scale_shift_attention_norm", resnet_time_scale_shift="scale_shift", attn_norm_num_groups=1)
    unet("plain_blocks", down_block_types=(DOWN, DOWN), up_block_types=(UP, UP))
    unet("attention_everywhere", down_block_types=(ATTENTION_DOWN, ATTENTION_DOWN), up_block_types=(ATTENTION_UP, ATTENTION_UP))
    unet("three_levels_two_layers", block_out_channels=(4, 4, 8), layers_per_block=2, down_block_types=(DOWN, ATTENTION_DOWN, DOWN),
         up_block_types=(UP, ATTENTION_UP, UP))
    unet("one_level", block_out_channels=(8,), down_block_types=(DOWN,), up_block_types=(UP,))
    unet("oblong", size=(6, 10))
    unet("downsample_padding0", downsample_padding=0)
    unet("resnet_resampling", downsample_type="resnet", upsample_type="resnet", down_block_types=(ATTENTION_DOWN, DOWN),
         up_block_types=(ATTENTION_UP, UP))
    unet("one_head", attention_head_dim=None)
    unet("head_size_1", attention_head_dim=1)
    unet("no_mid_block", mid_block_type=None)
    unet("no_mid_attention", add_attention=False)
    unet("mid_scale", mid_block_scale_factor=2.0**0.5)
    unet("centered", center_input_sample=True)
    unet("embedding_sin_first_shift1", flip_sin_to_cos=False, freq_shift=1)
    unet("norm_eps_gelu", norm_eps=1e-3, act_fn="gelu")
    unet("four_in_two_out", in_channels=4, out_channels=2)
    unet("time_embedding_dim", time_embedding_dim=12)
    unet("learned_time", time_embedding_type="learned", num_train_timesteps=500)
    unet("class_table", num_class_embeds=5, labels=[4, 0], gradients=True)
    unet("class_timestep", class_embed_type="timestep", labels=[3, 250])
    unet("class_identity", class_embed_type="identity", label_vectors=random(2, 16, seed=6))
    unet("fourier_time", time_embedding_type="fourier", gradients=True)
    fixture.write()


def annotated():
    fixture = Fixture("models_annotated", f"The annotated U-Net (networks.py). {ABOUT}")
    for name, config, gradients in [
        ("convnext", dict(dim=4, channels=3, dim_mults=(1, 2)), True),
        ("convnext_three_levels", dict(dim=4, channels=1, dim_mults=(1, 2, 4)), False),
        ("resnet", dict(dim=4, channels=1, dim_mults=(1, 2), use_convnext=False, resnet_block_groups=2), True),
    ]:
        timesteps = [3, 150]
        call = lambda model, sample: model(sample, torch.tensor(timesteps))
        add(fixture, name, AnnotatedUnet(**config), {"sample": random(2, config["channels"], 8, 8, seed=5)}, call, gradients=gradients,
            config=config, timesteps=timesteps, gradients_stored=gradients)
    fixture.write()


def mlp():
    fixture = Fixture("models_mlp", f"minidiffusion's network (networks.py); its second input is timesteps / (T - 1) - 0.5. {ABOUT}")
    timesteps, T = [0, 1, 400, 777, 999], 1000
    for name, config in [("points", dict(features=2, hidden=24)), ("five_features", dict(features=5, hidden=8))]:
        call = lambda model, sample: model((sample, torch.tensor(timesteps).double() / (T - 1) - 0.5))
        add(fixture, name, MinidiffusionMLP(**config), {"sample": random(5, config["features"], seed=5)}, call, config=config,
            timesteps=timesteps, num_train_timesteps=T, gradients_stored=True)
    fixture.write()


def make():
    unet2d()
    annotated()
    mlp()
