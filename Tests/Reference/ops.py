"""One fixture for each op: inputs, output, and gradients to every input.

The sidecar's options are the arguments; `differentiate` says what the tensors are.
"""

import math

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import apply_rotary_emb, get_timestep_embedding

from fixture import Fixture, differentiate, random

GRADIENTS = """Tensors: the inputs by name, output, cotangent, and grad_<input>, the gradient of sum(output * cotangent)."""


def conv2d():
    fixture = Fixture("ops_conv2d", f"""conv2d of input (N, C, H, W) with weight (O, C / groups, kH, kW) and bias (O) where
        there is one. padding is [left, right, top, bottom] of zeros. {GRADIENTS}""")

    def add(name, n, c, h, w, o, kernel, stride=1, padding=(0, 0, 0, 0), groups=1, bias=True):
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        sh, sw = (stride, stride) if isinstance(stride, int) else stride
        inputs = {"input": random(n, c, h, w, seed=1), "weight": random(o, c // groups, kh, kw, seed=2, scale=0.3)}
        if bias:
            inputs["bias"] = random(o, seed=3)

        def function(input, weight, bias=None):
            return F.conv2d(F.pad(input, padding), weight, bias, stride=(sh, sw), groups=groups)

        fixture.case(name, differentiate(function, inputs), kernel=[kh, kw], stride=[sh, sw],
                     padding=list(padding), groups=groups, bias=bias)

    same = lambda k: (k // 2,) * 4
    add("k1", 2, 5, 6, 7, 4, 1)
    add("k1_no_bias", 2, 16, 5, 5, 48, 1, bias=False)
    add("k1_stride2", 1, 3, 7, 6, 4, 1, stride=2)
    add("k3_valid", 2, 3, 6, 5, 4, 3)
    add("k3_same", 2, 4, 7, 9, 5, 3, padding=same(3))
    add("k3_same_no_bias", 1, 4, 8, 8, 4, 3, padding=same(3), bias=False)
    add("k3_one_pixel", 3, 4, 1, 1, 5, 3, padding=same(3))
    add("k3_wide", 1, 16, 13, 18, 24, 3, padding=same(3))
    add("k3_many_tiles", 1, 3, 33, 30, 3, 3, padding=same(3))
    add("k3_one_channel", 2, 1, 9, 8, 1, 3, padding=same(3))
    add("k3_stride2", 2, 4, 8, 8, 6, 3, stride=2, padding=same(3))
    add("k3_stride2_odd_size", 2, 4, 9, 7, 6, 3, stride=2, padding=same(3))
    add("k3_stride2_asymmetric", 2, 4, 8, 8, 6, 3, stride=2, padding=(0, 1, 0, 1))
    add("k3_groups", 2, 8, 6, 5, 12, 3, padding=same(3), groups=4)
    add("k3_depthwise", 2, 6, 7, 7, 6, 3, padding=same(3), groups=6)
    add("k4_stride2", 2, 5, 8, 10, 5, 4, stride=2, padding=(1, 1, 1, 1))
    add("k7_stem", 2, 1, 12, 11, 6, 7, padding=same(7))
    add("k7_depthwise", 2, 6, 9, 10, 6, 7, padding=same(7), groups=6)
    add("k7_depthwise_small", 2, 17, 3, 4, 17, 7, padding=same(7), groups=17)
    add("k2x3", 2, 3, 6, 7, 4, (2, 3), padding=(1, 1, 0, 1))
    add("k5_stride2x3", 1, 3, 11, 12, 4, 5, stride=(2, 3), padding=(2, 2, 2, 2))
    fixture.write()


def conv_transpose2d():
    fixture = Fixture("ops_conv_transpose2d", f"""conv_transpose2d of input (N, C, H, W) with weight (C, O / groups, kH, kW),
        padding and output_padding as PyTorch means them. {GRADIENTS}""")

    def add(name, n, c, h, w, o, kernel, stride, padding, output_padding=0, groups=1, bias=True):
        inputs = {"input": random(n, c, h, w, seed=1), "weight": random(c, o // groups, kernel, kernel, seed=2, scale=0.3)}
        if bias:
            inputs["bias"] = random(o, seed=3)
        options = dict(stride=stride, padding=padding, output_padding=output_padding, groups=groups)
        function = lambda input, weight, bias=None: F.conv_transpose2d(input, weight, bias, **options)
        fixture.case(name, differentiate(function, inputs), kernel=kernel, bias=bias, **options)

    add("k4_stride2", 2, 5, 4, 5, 5, 4, 2, 1)
    add("k4_stride2_no_bias", 1, 3, 7, 7, 6, 4, 2, 1, bias=False)
    add("k3_stride1", 2, 4, 5, 6, 3, 3, 1, 1)
    add("k3_stride2", 2, 4, 5, 4, 3, 3, 2, 1)
    add("k3_stride2_output_padding", 2, 4, 5, 4, 3, 3, 2, 1, output_padding=1)
    add("k2_stride2", 2, 4, 3, 3, 6, 2, 2, 0)
    fixture.write()


def linear():
    fixture = Fixture("ops_linear", f"input (..., in) times weight (out, in) transposed, plus bias (out). {GRADIENTS}")
    for name, shape, out, bias in [
        ("plain", (5, 7), 4, True), ("no_bias", (5, 7), 4, False), ("one_row", (1, 16), 64, True),
        ("narrow_output", (25, 33), 2, True), ("tokens", (2, 9, 12), 20, True), ("uneven", (37, 70), 33, True),
    ]:
        inputs = {"input": random(*shape, seed=1), "weight": random(out, shape[-1], seed=2, scale=0.3)}
        if bias:
            inputs["bias"] = random(out, seed=3)
        fixture.case(name, differentiate(lambda input, weight, bias=None: F.linear(input, weight, bias), inputs), bias=bias)
    fixture.write()


def normalization():
    groups = Fixture("ops_group_norm", f"group_norm of input (N, C, H, W) or (N, C, L), weight and bias (C). {GRADIENTS}")
    for name, shape, count, eps, offset in [
        ("groups4", (2, 8, 5, 6), 4, 1e-5, 0.0), ("one_group", (2, 6, 4, 5), 1, 1e-5, 0.0),
        ("group_per_channel", (2, 6, 4, 5), 6, 1e-6, 0.0), ("groups8_odd_width", (1, 24, 3, 3), 8, 1e-5, 0.0),
        ("one_pixel", (3, 8, 1, 1), 2, 1e-5, 0.0), ("far_from_zero", (2, 8, 4, 4), 4, 1e-5, 30.0),
        ("large_eps", (2, 8, 4, 4), 2, 1e-1, 0.0), ("tokens", (2, 8, 11), 4, 1e-6, 0.0), ("groups32", (1, 64, 6, 6), 32, 1e-5, 0.0),
    ]:
        inputs = {"input": random(*shape, seed=1) + offset, "weight": 1 + random(shape[1], seed=2), "bias": random(shape[1], seed=3)}
        function = lambda input, weight, bias: F.group_norm(input, count, weight, bias, eps)
        groups.case(name, differentiate(function, inputs), groups=count, eps=eps)
    groups.write()

    layers = Fixture("ops_layer_norm", f"layer_norm over the last axis; weight and bias where affine. {GRADIENTS}")
    for name, shape, eps, affine in [
        ("affine", (2, 7, 12), 1e-5, True), ("plain", (2, 7, 12), 1e-6, False), ("rows", (5, 33), 1e-5, True), ("wide", (3, 130), 1e-5, True),
    ]:
        inputs = {"input": random(*shape, seed=1)}
        if affine:
            inputs |= {"weight": 1 + random(shape[-1], seed=2), "bias": random(shape[-1], seed=3)}
        function = lambda input, weight=None, bias=None: F.layer_norm(input, shape[-1:], weight, bias, eps)
        layers.case(name, differentiate(function, inputs), eps=eps, affine=affine)
    layers.write()

    squares = Fixture("ops_rms_norm", f"rms_norm over the last axis; weight where affine. {GRADIENTS}")
    for name, shape, eps, affine in [
        ("affine", (2, 7, 12), 1e-6, True), ("plain", (2, 7, 12), 1e-5, False), ("heads", (2, 5, 3, 16), 1e-6, True), ("wide", (3, 130), 0.1, True),
    ]:
        inputs = {"input": random(*shape, seed=1)} | ({"weight": 1 + random(shape[-1], seed=2)} if affine else {})
        function = lambda input, weight=None: F.rms_norm(input, shape[-1:], weight, eps)
        squares.case(name, differentiate(function, inputs), eps=eps, affine=affine)
    squares.write()


def rotary():
    fixture = Fixture("ops_rotary", f"""diffusers' apply_rotary_emb of input (N, L, heads D) with angles[l, i] for pair i of D / 2;
        `pairs` are neighbours (interleaved) or halves of a head. {GRADIENTS}""")
    for name, shape, heads, pairs in [
        ("interleaved", (2, 5, 24), 3, "interleaved"), ("halves", (2, 5, 24), 3, "halves"), ("one_pair", (1, 4, 2), 1, "interleaved"),
    ]:
        size = shape[2] // heads
        angles = random(shape[1], size // 2, seed=2, scale=3)
        # Two features of a pair have the same angle.
        whole = angles.double().repeat_interleave(2, 1) if pairs == "interleaved" else torch.cat([angles, angles], 1).double()

        def function(input):
            x = split_heads(input, heads)
            y = apply_rotary_emb(x, (whole.cos(), whole.sin()), use_real_unbind_dim=-1 if pairs == "interleaved" else -2)
            return y.transpose(1, 2).flatten(2)

        fixture.case(name, differentiate(function, {"input": random(*shape, seed=1)}) | {"angles": angles}, heads=heads, pairs=pairs)
    fixture.write()


def activations():
    fixture = Fixture("ops_activation", f"Elementwise: the case's name is the function. {GRADIENTS}")
    points = torch.cat([random(2, 3, 5, 7, seed=1, scale=2).flatten(), torch.linspace(-12, 12, 97) + 0.01,
                        torch.tensor([-100.0, -40.0, 40.0, 100.0])])
    functions = {
        "silu": F.silu, "gelu": F.gelu, "gelu_tanh": lambda input: F.gelu(input, approximate="tanh"), "relu": F.relu,
        "sigmoid": torch.sigmoid, "tanh": torch.tanh,
    }
    for name, function in functions.items():
        fixture.case(name, differentiate(lambda input: function(input), {"input": points}))
    fixture.write()

    fixture = Fixture("ops_softmax", f"softmax of input over `axis`. {GRADIENTS}")
    for name, shape, axis, scale in [
        ("last", (3, 4, 9), -1, 1.0), ("one", (5, 1), -1, 1.0), ("middle", (2, 5, 6), 1, 1.0),
        ("large_values", (4, 33), -1, 60.0), ("long", (2, 1000), -1, 3.0),
    ]:
        fixture.case(name, differentiate(lambda input: torch.softmax(input, axis), {"input": random(*shape, seed=1, scale=scale)}), axis=axis)
    fixture.write()


def split_heads(x, heads):
    """(N, L, H D) to (N, H, L, D): head h owns channels h D to (h + 1) D."""
    n, length, channels = x.shape
    return x.reshape(n, length, heads, channels // heads).transpose(1, 2)


def attention():
    fixture = Fixture("ops_attention", f"""softmax(scale q k^T) v for each head, with query (N, Lq, heads D), key and value
        (N, Lk, heads D); head h owns channels h D to (h + 1) D. {GRADIENTS}""")
    for name, n, lq, lk, heads, size, scale, spread in [
        ("one_head", 2, 7, 7, 1, 8, None, 1.0), ("four_heads", 2, 9, 9, 4, 5, None, 1.0), ("cross", 2, 6, 11, 2, 8, None, 1.0),
        ("one_token", 3, 1, 1, 2, 4, None, 1.0), ("own_scale", 1, 8, 8, 2, 4, 0.2, 1.0),
        ("long", 1, 150, 150, 2, 8, None, 1.0), ("sharp", 1, 70, 70, 1, 16, None, 6.0),
    ]:
        inputs = {
            "query": random(n, lq, heads * size, seed=1, scale=spread), "key": random(n, lk, heads * size, seed=2, scale=spread),
            "value": random(n, lk, heads * size, seed=3),
        }

        def function(query, key, value):
            parts = [split_heads(x, heads) for x in (query, key, value)]
            return F.scaled_dot_product_attention(*parts, scale=scale).transpose(1, 2).flatten(2)

        fixture.case(name, differentiate(function, inputs), heads=heads, head_size=size, scale=scale or size**-0.5)
    fixture.write()


def linear_attention():
    fixture = Fixture("ops_linear_attention", f"""Linear attention of the annotated U-Net (Shen et al. 2018, arXiv:1812.01243):
        q' = softmax of query over each head's channels, times scale; k' = softmax of key over the positions;
        output = q' (k'^T value) for each head. Shapes as in ops_attention. {GRADIENTS}""")
    for name, n, length, heads, size in [("four_heads", 2, 20, 4, 6), ("one_head", 1, 9, 1, 8), ("one_token", 2, 1, 2, 4), ("long", 1, 130, 2, 8)]:
        inputs = {key: random(n, length, heads * size, seed=seed, scale=1.5) for seed, key in enumerate(["query", "key", "value"], 1)}
        scale = size**-0.5

        def function(query, key, value):
            query, key, value = (split_heads(x, heads) for x in (query, key, value))
            context = torch.einsum("nhld,nhle->nhde", key.softmax(dim=2), value)
            return torch.einsum("nhde,nhld->nhle", context, query.softmax(dim=3) * scale).transpose(1, 2).flatten(2)

        fixture.case(name, differentiate(function, inputs), heads=heads, head_size=size, scale=scale)
    fixture.write()


def embedding():
    fixture = Fixture("ops_embedding", f"Rows of table (count, D) at `indices`, repeated ones included. {GRADIENTS}")
    indices = [3, 0, 3, 9, 1, 3]
    fixture.case("rows", differentiate(lambda table: F.embedding(torch.tensor(indices), table), {"table": random(10, 6, seed=1)}), indices=indices)
    fixture.write()


def resampling():
    fixture = Fixture("ops_upsample_nearest", f"Nearest-neighbour upsampling of input (N, C, H, W) by `factor`. {GRADIENTS}")
    for name, shape in [("square", (2, 3, 4, 4)), ("oblong", (1, 17, 3, 5)), ("one_pixel", (2, 4, 1, 1))]:
        function = lambda input: F.interpolate(input, scale_factor=2.0, mode="nearest")
        fixture.case(name, differentiate(function, {"input": random(*shape, seed=1)}), factor=2)
    fixture.write()

    fixture = Fixture("ops_avg_pool2d", f"Mean over kernel x kernel, stride equal to it; a rest at the edge is dropped. {GRADIENTS}")
    for name, shape, kernel in [("square", (2, 3, 4, 4), 2), ("odd", (1, 5, 7, 9), 2), ("kernel3", (1, 2, 6, 9), 3)]:
        fixture.case(name, differentiate(lambda input: F.avg_pool2d(input, kernel), {"input": random(*shape, seed=1)}), kernel=kernel)
    fixture.write()


def losses():
    fixture = Fixture("ops_loss", """Mean over all elements: mse, l1, huber (smooth_l1_loss with beta 1). Tensors: prediction,
        target, output (one number), cotangent (the number that the gradients are scaled by), grad_prediction, grad_target.""")
    functions = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss}
    inputs = {"prediction": random(3, 4, 5, seed=1, scale=1.5), "target": random(3, 4, 5, seed=2)}
    for name, loss in functions.items():
        fixture.case(name, differentiate(lambda prediction, target: loss(prediction, target).reshape(1), inputs))
    fixture.write()


def sinusoidal(time: torch.Tensor, dim: int) -> torch.Tensor:
    """Time embedding of the annotated U-Net: sines then cosines, frequencies 10000^(-i / (dim / 2 - 1))."""
    frequencies = torch.exp(torch.arange(dim // 2) * -(math.log(10000) / (dim // 2 - 1)))
    angles = time[:, None] * frequencies[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def timestep_embedding():
    fixture = Fixture("ops_timestep_embedding", """Sinusoidal embedding `output` (N, dim) of `timesteps`, computed in float32
        as diffusers' get_timestep_embedding (or the annotated U-Net) does: at timesteps near 1000 the rounding of a
        frequency moves an angle by up to 1e-4, so compute frequencies and angles in float32 too.""")
    timesteps = [0, 1, 2, 17, 250, 499, 999]
    for dim, flip, shift in [(8, True, 0), (8, False, 1), (32, True, 0), (32, True, 1), (9, True, 0), (9, False, 0), (64, False, 0), (128, True, 0)]:
        output = get_timestep_embedding(torch.tensor(timesteps), dim, flip_sin_to_cos=flip, downscale_freq_shift=shift)
        name = f"dim{dim}_{'cos' if flip else 'sin'}_first_shift{shift}"
        fixture.case(name, {"output": output}, timesteps=timesteps, dim=dim, flip_sin_to_cos=flip, downscale_freq_shift=shift,
                     scale=1, max_period=10000)
    fixture.case("fractional", {"output": get_timestep_embedding(torch.tensor([0.5, 12.25]), 16, True, 0)}, timesteps=[0.5, 12.25],
                 dim=16, flip_sin_to_cos=True, downscale_freq_shift=0, scale=1, max_period=10000)
    fixture.case("scaled", {"output": get_timestep_embedding(torch.tensor([3, 7]), 16, True, 0, scale=2, max_period=500)}, timesteps=[3, 7],
                 dim=16, flip_sin_to_cos=True, downscale_freq_shift=0, scale=2, max_period=500)
    for dim in (16, 28, 64):
        times = [0, 1, 50, 199, 999]
        fixture.case(f"annotated_dim{dim}", {"output": sinusoidal(torch.tensor(times), dim)}, timesteps=times, dim=dim,
                     flip_sin_to_cos=False, downscale_freq_shift=1, scale=1, max_period=10000)
    fixture.write()


def make():
    for subject in (conv2d, conv_transpose2d, linear, normalization, rotary, activations, attention, linear_attention, embedding,
                    resampling, losses, timestep_embedding):
        subject()
