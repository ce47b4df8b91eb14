"""The building blocks of the networks, one case for each kind and option."""

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from transformers import CLIPTextConfig, T5Config
from transformers.models.clip.modeling_clip import CLIPAttention
from transformers.models.t5.modeling_t5 import T5Attention

import networks
from fixture import Fixture, random
from modules import add

ABOUT = """Tensors: weights.<parameter>, the inputs by name, output, cotangent, grad_<input>, grad.<parameter> (gradients of
    sum(output * cotangent)); float64 arithmetic on float32 inputs."""


def unet2d():
    fixture = Fixture("layers_unet2d", f"Layers of diffusers' UNet2DModel; `options` are the constructor's arguments. {ABOUT}")
    resnets = {
        "resnet": dict(in_channels=8, out_channels=8),
        "resnet_wider": dict(in_channels=8, out_channels=12),
        "resnet_scale_shift": dict(in_channels=8, out_channels=12, time_embedding_norm="scale_shift"),
        "resnet_up": dict(in_channels=8, out_channels=8, up=True),
        "resnet_down": dict(in_channels=8, out_channels=8, down=True),
        "resnet_scale": dict(in_channels=8, out_channels=8, output_scale_factor=2.0**0.5, eps=1e-5),
        "resnet_gelu": dict(in_channels=8, out_channels=8, non_linearity="gelu"),
        "resnet_relu": dict(in_channels=8, out_channels=8, non_linearity="relu"),
    }
    for name, options in resnets.items():
        options = dict(temb_channels=16, groups=4) | options
        inputs = {"input_tensor": random(2, 8, 6, 4, seed=1), "temb": random(2, 16, seed=2)}
        add(fixture, name, ResnetBlock2D(**options), inputs, kind="ResnetBlock2D", options=options)
    attention = dict(query_dim=12, residual_connection=True, bias=True, upcast_softmax=True, _from_deprecated_attn_block=True)
    for name, more in {
        "attention_3_heads": dict(heads=3, dim_head=4, norm_num_groups=4, eps=1e-5),
        "attention_1_head": dict(heads=1, dim_head=12, norm_num_groups=4, eps=1e-6),
        "attention_scaled": dict(heads=2, dim_head=6, norm_num_groups=2, eps=1e-5, rescale_output_factor=2.0**0.5),
        "attention_no_norm": dict(heads=2, dim_head=6, norm_num_groups=None, eps=1e-5),
    }.items():
        options = attention | more
        add(fixture, name, Attention(**options), {"hidden_states": random(2, 12, 5, 4, seed=1)}, kind="Attention", options=options)
    for name, options in {
        "downsample": dict(channels=6, use_conv=True, padding=1, name="op"),
        "downsample_padding0": dict(channels=6, use_conv=True, padding=0, name="op"),
        "downsample_pool": dict(channels=6, use_conv=False, padding=1, name="op"),
    }.items():
        add(fixture, name, Downsample2D(**options), {"hidden_states": random(2, 6, 6, 4, seed=1)}, kind="Downsample2D", options=options)
    for name, options in {"upsample": dict(channels=6, use_conv=True), "upsample_plain": dict(channels=6, use_conv=False)}.items():
        add(fixture, name, Upsample2D(**options), {"hidden_states": random(2, 6, 3, 4, seed=1)}, kind="Upsample2D", options=options)
    options = dict(in_channels=8, time_embed_dim=20)
    add(fixture, "timestep_embedding", TimestepEmbedding(**options), {"sample": random(3, 8, seed=1)}, kind="TimestepEmbedding", options=options)
    fixture.write()


def annotated():
    fixture = Fixture("layers_annotated", f"Blocks of the annotated U-Net; `options` are the constructor's arguments in networks.py. {ABOUT}")
    x, t = random(2, 8, 6, 4, seed=1), random(2, 16, seed=2)
    for kind, name, options in [
        ("ResnetBlock", "resnet", dict(dim=8, dim_out=8, time_dim=16, groups=4)),
        ("ResnetBlock", "resnet_wider", dict(dim=8, dim_out=12, time_dim=16, groups=4)),
        ("ResnetBlock", "resnet_no_time", dict(dim=8, dim_out=8, groups=4)),
        ("ConvNextBlock", "convnext", dict(dim=8, dim_out=8, time_dim=16)),
        ("ConvNextBlock", "convnext_narrower", dict(dim=8, dim_out=4, time_dim=16, mult=3)),
        ("ConvNextBlock", "convnext_no_time", dict(dim=8, dim_out=8)),
    ]:
        inputs = {"x": x, "time": t} if "time_dim" in options else {"x": x}
        add(fixture, name, getattr(networks, kind)(**options), inputs, kind=kind, options=options)
    for kind, name in [("Attention", "attention"), ("LinearAttention", "linear_attention")]:
        options = dict(dim=8, heads=3, dim_head=5)
        module = networks.Residual(networks.PreNorm(8, getattr(networks, kind)(**options)))
        add(fixture, name, module, {"x": x}, kind=f"Residual(PreNorm({kind}))", options=options)
    fixture.write()


def tokens():
    fixture = Fixture("layers_tokens", f"""Layers of transformer blocks: diffusers' Attention and FeedForward, whose constructor's
        arguments are `options`, T5Attention (bias is added to the scores of each head) and CLIPAttention (causal). `counts`: how
        many tokens of the context each sample has. {ABOUT}""")
    x, context = random(2, 7, 12, seed=1), random(2, 5, 10, seed=2)
    for name, more in {
        "attention": dict(heads=3, dim_head=4),
        "attention_wide_heads": dict(heads=2, dim_head=8, bias=True, out_bias=False),
        "attention_context": dict(heads=2, dim_head=8, cross_attention_dim=10),
        "attention_counts": dict(heads=3, dim_head=4, cross_attention_dim=10, bias=True),
        "attention_norm": dict(heads=2, dim_head=8, bias=True, qk_norm="rms_norm", eps=1e-6),
    }.items():
        options = dict(query_dim=12) | more
        inputs = {"hidden_states": x} | ({"encoder_hidden_states": context} if "cross_attention_dim" in more else {})
        counts = [5, 3] if name == "attention_counts" else None

        def call(module, **inputs):
            if counts is None:
                return module(**inputs)
            padding = torch.arange(5)[None, None, :] >= torch.tensor(counts)[:, None, None]
            return module(**inputs, attention_mask=padding.to(inputs["hidden_states"].dtype) * -10000.0)

        add(fixture, name, Attention(**options), inputs, call, kind="Attention", options=options,
            **({"counts": counts} if counts else {}))
    for name, more in {
        "feed_forward_gelu": dict(activation_fn="gelu"),
        "feed_forward_quick_gelu": dict(activation_fn="geglu-approximate", inner_dim=20),
        "feed_forward_geglu": dict(activation_fn="geglu", inner_dim=20),
        "feed_forward_swiglu": dict(activation_fn="swiglu", inner_dim=6, bias=False),
    }.items():
        options = dict(dim=12) | more
        add(fixture, name, FeedForward(**options), {"hidden_states": x}, kind="FeedForward", options=options)
    options = dict(d_model=12, d_kv=4, num_heads=5)
    t5 = T5Attention(T5Config(**options, dropout_rate=0), has_relative_attention_bias=False)
    add(fixture, "t5", t5, {"hidden_states": x, "bias": random(5, 7, 7, seed=3)},
        lambda module, hidden_states, bias: module(hidden_states, position_bias=bias[None])[0], kind="T5Attention",
        options=options)
    options = dict(hidden_size=12, num_attention_heads=3)
    clip = CLIPAttention(CLIPTextConfig(**options, attn_implementation="eager"))
    causal = torch.full((1, 1, 7, 7), -1e9).triu(1)
    add(fixture, "clip", clip, {"hidden_states": x},
        lambda module, hidden_states: module(hidden_states, attention_mask=causal.to(hidden_states.dtype))[0],
        kind="CLIPAttention", options=options)
    fixture.write()


def make():
    unet2d()
    annotated()
    tokens()
