"""The two published networks that no package ships, in plain PyTorch with the published parameter names.

`AnnotatedUnet`: "The Annotated Diffusion Model" (Rogge & Rasul, Hugging Face, June 2022), after P. Wang's
denoising-diffusion-pytorch of that spring. `MinidiffusionMLP`: F. Fleuret's minidiffusion.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class SinusoidalEmbedding(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        frequencies = torch.exp(torch.arange(self.dim // 2) * -(math.log(10000) / (self.dim // 2 - 1)))
        angles = time[:, None] * frequencies[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=-1)  # (N, dim)


class Block(nn.Module):
    def __init__(self, dim: int, dim_out: int, groups: int):
        super().__init__()
        self.proj = nn.Conv2d(dim, dim_out, 3, padding=1)
        self.norm = nn.GroupNorm(groups, dim_out)

    def forward(self, x):
        return F.silu(self.norm(self.proj(x)))


class ResnetBlock(nn.Module):
    def __init__(self, dim: int, dim_out: int, time_dim: int | None = None, groups: int = 8):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, dim_out)) if time_dim else None
        self.block1 = Block(dim, dim_out, groups)
        self.block2 = Block(dim_out, dim_out, groups)
        self.res_conv = nn.Conv2d(dim, dim_out, 1) if dim != dim_out else nn.Identity()

    def forward(self, x, time=None):
        h = self.block1(x)
        if self.mlp is not None:
            h = h + self.mlp(time)[:, :, None, None]
        return self.block2(h) + self.res_conv(x)


class ConvNextBlock(nn.Module):
    def __init__(self, dim: int, dim_out: int, time_dim: int | None = None, mult: int = 2):
        super().__init__()
        self.mlp = nn.Sequential(nn.GELU(), nn.Linear(time_dim, dim)) if time_dim else None
        self.ds_conv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.net = nn.Sequential(
            nn.GroupNorm(1, dim),
            nn.Conv2d(dim, dim_out * mult, 3, padding=1),
            nn.GELU(),
            nn.GroupNorm(1, dim_out * mult),
            nn.Conv2d(dim_out * mult, dim_out, 3, padding=1),
        )
        self.res_conv = nn.Conv2d(dim, dim_out, 1) if dim != dim_out else nn.Identity()

    def forward(self, x, time=None):
        h = self.ds_conv(x)
        if self.mlp is not None:
            h = h + self.mlp(time)[:, :, None, None]
        return self.net(h) + self.res_conv(x)


def heads_of(x, heads: int):
    """(N, 3 H D, h, w) to three (N, H, D, h w)."""
    return (part.unflatten(1, (heads, -1)).flatten(3) for part in x.chunk(3, dim=1))


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int = 4, dim_head: int = 32):
        super().__init__()
        self.scale, self.heads = dim_head**-0.5, heads
        self.to_qkv = nn.Conv2d(dim, 3 * heads * dim_head, 1, bias=False)
        self.to_out = nn.Conv2d(heads * dim_head, dim, 1)

    def forward(self, x):
        q, k, v = heads_of(self.to_qkv(x), self.heads)
        weights = torch.einsum("nhdi,nhdj->nhij", q * self.scale, k).softmax(dim=-1)
        out = torch.einsum("nhij,nhdj->nhdi", weights, v)
        return self.to_out(out.flatten(1, 2).unflatten(2, x.shape[2:]))


class LinearAttention(nn.Module):
    def __init__(self, dim: int, heads: int = 4, dim_head: int = 32):
        super().__init__()
        self.scale, self.heads = dim_head**-0.5, heads
        self.to_qkv = nn.Conv2d(dim, 3 * heads * dim_head, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(heads * dim_head, dim, 1), nn.GroupNorm(1, dim))

    def forward(self, x):
        q, k, v = heads_of(self.to_qkv(x), self.heads)
        q, k = q.softmax(dim=-2) * self.scale, k.softmax(dim=-1)
        context = torch.einsum("nhdl,nhel->nhde", k, v)
        out = torch.einsum("nhde,nhdl->nhel", context, q)
        return self.to_out(out.flatten(1, 2).unflatten(2, x.shape[2:]))


class PreNorm(nn.Module):
    def __init__(self, dim: int, fn: nn.Module):
        super().__init__()
        self.fn = fn
        self.norm = nn.GroupNorm(1, dim)

    def forward(self, x):
        return self.fn(self.norm(x))


class Residual(nn.Module):
    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x


class AnnotatedUnet(nn.Module):
    """Skips: the first level's is kept but never read, since there is one up stage fewer than there are levels."""

    def __init__(self, dim: int, channels: int = 3, dim_mults=(1, 2, 4, 8), use_convnext: bool = True,
                 resnet_block_groups: int = 8, convnext_mult: int = 2):
        super().__init__()
        init_dim, time_dim = dim // 3 * 2, dim * 4
        dims = [init_dim, *(dim * mult for mult in dim_mults)]
        levels = list(zip(dims[:-1], dims[1:]))

        def block(dim, dim_out, time_dim=time_dim):
            if use_convnext:
                return ConvNextBlock(dim, dim_out, time_dim, convnext_mult)
            return ResnetBlock(dim, dim_out, time_dim, resnet_block_groups)

        self.init_conv = nn.Conv2d(channels, init_dim, 7, padding=3)
        self.time_mlp = nn.Sequential(SinusoidalEmbedding(dim), nn.Linear(dim, time_dim), nn.GELU(), nn.Linear(time_dim, time_dim))
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for index, (dim_in, dim_out) in enumerate(levels):
            self.downs.append(nn.ModuleList([
                block(dim_in, dim_out), block(dim_out, dim_out), Residual(PreNorm(dim_out, LinearAttention(dim_out))),
                nn.Conv2d(dim_out, dim_out, 4, 2, 1) if index < len(levels) - 1 else nn.Identity(),
            ]))
        self.mid_block1 = block(dims[-1], dims[-1])
        self.mid_attn = Residual(PreNorm(dims[-1], Attention(dims[-1])))
        self.mid_block2 = block(dims[-1], dims[-1])
        for dim_in, dim_out in reversed(levels[1:]):
            self.ups.append(nn.ModuleList([
                block(dim_out * 2, dim_in), block(dim_in, dim_in), Residual(PreNorm(dim_in, LinearAttention(dim_in))),
                nn.ConvTranspose2d(dim_in, dim_in, 4, 2, 1),
            ]))
        self.final_conv = nn.Sequential(block(dim, dim, None), nn.Conv2d(dim, channels, 1))

    def forward(self, x, time):
        x = self.init_conv(x)
        t = self.time_mlp[0](time).to(x.dtype)  # float32 whatever the weights are, as diffusers embeds
        for layer in self.time_mlp[1:]:
            t = layer(t)
        skips = []
        for block1, block2, attention, downsample in self.downs:
            x = attention(block2(block1(x, t), t))
            skips.append(x)
            x = downsample(x)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, t)), t)
        for block1, block2, attention, upsample in self.ups:
            x = torch.cat([x, skips.pop()], dim=1)
            x = upsample(attention(block2(block1(x, t), t)))
        return self.final_conv(x)


class TimeAppender(nn.Module):
    def forward(self, pair):
        x, t = pair
        return torch.cat([x, t[:, None].to(x.dtype)], dim=1)


class MinidiffusionMLP(nn.Sequential):
    """(x, t / (T - 1) - 0.5) to the noise; three hidden layers with ReLU. Parameters are named 1, 3, 5, 7."""

    def __init__(self, features: int = 2, hidden: int = 256):
        super().__init__(
            TimeAppender(), nn.Linear(features + 1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, features),
        )


class PaperDiT(nn.Module):
    """The diffusion transformer of Peebles & Xie 2023 with the parameter names of its published checkpoints."""

    def __init__(self, input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes):
        super().__init__()
        self.patch_size, self.channels, self.grid = patch_size, 2 * in_channels, input_size // patch_size
        self.x_embedder = nn.Module()
        self.x_embedder.proj = nn.Conv2d(in_channels, hidden_size, patch_size, patch_size)
        self.t_embedder = nn.Module()
        self.t_embedder.mlp = nn.Sequential(nn.Linear(256, hidden_size), nn.SiLU(), nn.Linear(hidden_size, hidden_size))
        self.y_embedder = nn.Module()
        self.y_embedder.embedding_table = nn.Embedding(num_classes + 1, hidden_size)
        self.register_buffer("pos_embed", self.places(hidden_size).float()[None])
        self.blocks = nn.ModuleList(PaperBlock(hidden_size, num_heads) for _ in range(depth))
        self.final_layer = nn.Module()
        self.final_layer.linear = nn.Linear(hidden_size, patch_size**2 * self.channels)
        self.final_layer.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(hidden_size, 2 * hidden_size))

    def places(self, size):
        frequencies = 10000.0 ** -(torch.arange(size // 4).double() / (size // 4))
        angles = torch.arange(self.grid).double()[:, None] * frequencies
        features = torch.cat([angles.sin(), angles.cos()], dim=1)
        columns, rows = features[None].expand(self.grid, -1, -1), features[:, None].expand(-1, self.grid, -1)
        return torch.cat([columns, rows], dim=2).reshape(self.grid**2, size)

    def forward(self, x, t, y):
        angles = t[:, None].float() * torch.exp(-math.log(10000) * torch.arange(128).float() / 128)
        features = torch.cat([angles.cos(), angles.sin()], dim=1).to(x.dtype)
        c = self.t_embedder.mlp(features) + self.y_embedder.embedding_table(y)
        x = self.x_embedder.proj(x).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x = block(x, c)
        shift, scale = self.final_layer.adaLN_modulation(c)[:, None].chunk(2, dim=2)
        x = self.final_layer.linear(F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift)
        x = x.reshape(-1, self.grid, self.grid, self.patch_size, self.patch_size, self.channels)
        side = self.grid * self.patch_size
        return x.permute(0, 5, 1, 3, 2, 4).reshape(-1, self.channels, side, side)


class PaperBlock(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.attn = nn.Module()
        self.attn.qkv, self.attn.proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(size, 6 * size))

    def forward(self, x, c):
        m = self.adaLN_modulation(c)[:, None].chunk(6, dim=2)
        norm = lambda x, shift, scale: F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift
        q, k, v = self.attn.qkv(norm(x, m[0], m[1])).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + m[2] * self.attn.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + m[5] * self.mlp.fc2(F.gelu(self.mlp.fc1(norm(x, m[3], m[4])), approximate="tanh"))
