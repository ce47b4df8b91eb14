"""Video diffusion transformers: diffusers' DiT for each frame, with blocks of the same kind over time, and the worked example of a
paper on Sora."""

import torch
from diffusers import DiTTransformer2DModel
from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from fixture import Fixture, random
from models import ABOUT
from modules import add

BASE = dict(num_attention_heads=2, attention_head_dim=4, in_channels=3, num_layers=2, sample_size=8, patch_size=4, num_embeds_ada_norm=5)


def time_places(count: int, width: int):
    """Sines, and cosines less 1: (T, D)."""
    half = width // 2
    angles = torch.arange(count).double()[:, None] * 10000.0 ** -(torch.arange(half).double() / half)
    return torch.cat([angles.sin(), angles.cos() - 1], dim=1)


class VideoDiT(DiTTransformer2DModel):
    def __init__(self, patch_size_t: int = 1, attention: str = "factorized", mix_ffn: bool = False, **options):
        super().__init__(**options | dict(in_channels=patch_size_t * options["in_channels"], out_channels=patch_size_t * options["in_channels"]))
        self.patch_size_t, self.full = patch_size_t, attention == "full"
        width = options["num_attention_heads"] * options["attention_head_dim"]
        if not self.full:
            self.temporal_blocks = nn.ModuleList(
                BasicTransformerBlock(
                    width, options["num_attention_heads"], options["attention_head_dim"], num_embeds_ada_norm=options["num_embeds_ada_norm"],
                    attention_bias=True, activation_fn="gelu-approximate", norm_type="ada_norm_zero", norm_elementwise_affine=False)
                for _ in range(options["num_layers"]))

        if mix_ffn:
            for block in [*self.transformer_blocks, *getattr(self, "temporal_blocks", [])]:
                block.ff.dwconv = nn.Conv2d(4 * width, 4 * width, 3, padding=1, groups=4 * width)

    @staticmethod
    def feed_forward(ff, x, rows):  # (N, L, D)
        h = ff.net[0](x)
        if hasattr(ff, "dwconv"):
            h = h + ff.dwconv(h.transpose(1, 2).unflatten(2, (rows, -1))).flatten(2).transpose(1, 2)
        return ff.net[2](h)

    @classmethod
    def block(cls, block, h, timesteps, labels, rows, attend):
        normed, gate, shift_mlp, scale_mlp, gate_mlp = block.norm1(h, timesteps, labels, hidden_dtype=h.dtype)
        h = h + gate[:, None] * attend(normed, block.attn1)
        return h + gate_mlp[:, None] * cls.feed_forward(block.ff, block.norm3(h) * (1 + scale_mlp[:, None]) + shift_mlp[:, None], rows)

    def forward(self, sample, timesteps, labels):  # (N, T, H, W, C); timesteps (N, T)
        n, t, height, width, c = sample.shape
        p, q = self.patch_size_t, self.config.patch_size
        if t % p:
            sample = torch.cat([sample, sample[:, -1:].expand(-1, p - t % p, -1, -1, -1)], dim=1)
        frames = sample.shape[1] // p
        pictures = sample.unflatten(1, (frames, p)).permute(0, 1, 2, 5, 3, 4).reshape(n * frames, p * c, height, width)
        timesteps, labels = timesteps[:, ::p].flatten(), labels.repeat_interleave(frames)
        h = self.pos_embed(pictures)  # (N T, L, D)
        places = time_places(frames, h.shape[2]).to(h.dtype)
        length, d = h.shape[1:]

        def over_time(x, attention):
            x = x.unflatten(0, (n, frames)).transpose(1, 2).flatten(0, 1)  # (N L, T, D)
            return attention(x + places).unflatten(0, (n, length)).transpose(1, 2).flatten(0, 1)

        def over_all(x, attention):
            return attention(x.reshape(n, frames * length, d)).reshape(n * frames, length, d)

        if self.full:
            h = (h.unflatten(0, (n, frames)) + places[:, None]).flatten(0, 1)
        for index, block in enumerate(self.transformer_blocks):
            h = self.block(block, h, timesteps, labels, height // q, over_all if self.full else lambda x, attention: attention(x))
            if not self.full and frames > 1:
                h = self.block(self.temporal_blocks[index], h, timesteps, labels, height // q, over_time)
        condition = self.transformer_blocks[0].norm1.emb(timesteps, labels, hidden_dtype=h.dtype)
        shift, scale = self.proj_out_1(nn.functional.silu(condition)).chunk(2, dim=1)
        h = self.proj_out_2(self.norm_out(h) * (1 + scale[:, None]) + shift[:, None])  # (N T, L, q q p C)
        rows, columns = height // q, width // q
        h = h.reshape(n, frames, rows, columns, q, q, p, c).permute(0, 1, 6, 2, 4, 3, 5, 7)
        return h.reshape(n, frames * p, height, width, c)[:, :t]


def models():
    about = f"VideoDiT of Tests/Reference/video.py. Samples and outputs are (N, T, H, W, C). `timesteps`: a list for each clip. {ABOUT}"
    fixture = Fixture("models_video_dit", about)

    def video(name, frames=3, height=8, width=8, timesteps=None, gradients=False, **options):
        config = BASE | options
        inputs = {"sample": random(2, frames, height, width, config["in_channels"], seed=5)}
        levels = torch.tensor(timesteps or [[7] * frames, [421] * frames])
        call = lambda model, sample: model(sample, levels, torch.tensor([4, 5]))
        add(fixture, name, VideoDiT(**config), inputs, call, gradients=gradients, config=config, timesteps=levels.tolist(), class_labels=[4, 5],
            gradients_stored=gradients)

    video("factorized", gradients=True)
    video("full", attention="full", gradients=True)
    video("own_levels", timesteps=[[0, 0, 300], [7, 999, 0]])
    video("patches_of_two", frames=4, patch_size_t=2)
    video("a_frame_lacks", frames=5, patch_size_t=2, attention="full")
    video("one_frame", frames=1)
    video("longer_and_larger", frames=6, height=12, width=16)
    video("mixed", mix_ffn=True, width=12, gradients=True)
    video("mixed_full", mix_ffn=True, attention="full", height=12, width=8)
    fixture.write()


def make():
    models()
