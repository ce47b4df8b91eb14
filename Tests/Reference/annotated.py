"""The annotated U-Net at its published setting on the set of idx_set.py: the loss of 300 steps.

28x28x1, dim 28, mults 1, 2, 4, ConvNeXt blocks; T = 200, linear; Huber; Adam 1e-3; batch 128; random flips. Every random number comes
from one torch generator in an order that the fixture states, so that a program with torch's generator can take the very same steps.

One seed is recorded. Others say little: the moment at which the loss falls differs between seeds. Means of 50 steps that end at
step 100, 150, 200 and 250: 0.156, 0.081, 0.053, 0.038 with seed 0; 0.183, 0.091, 0.056, 0.040 with seed 1.
A quarter of an hour on one free core: `python make_fixtures.py annotated`.
"""

import math
import sys

import torch
import torch.nn.functional as F

from fixture import Fixture
from idx_set import digest, pictures
from networks import AnnotatedUnet

COUNT, BATCH, STEPS, T = 4096, 128, 300, 200
SEEDS = (0,)
CONFIG = dict(dim=28, channels=1, dim_mults=(1, 2, 4))

ABOUT = """The annotated U-Net (`config`) trained by PyTorch in float32 on the first `count` pictures of idx_set.py, scaled to [-1, 1]: `losses`, one
    for each step. All random numbers come from one generator with manual_seed(seed). First the weights: for each parameter in
    `initialization` a rand of its shape, times 2 / sqrt(fan_in), minus 1 / sqrt(fan_in); norms start at 1 and 0. At the start of
    each epoch randperm(count), cut into batches of 128. At each step rand(128), where below 0.5 the picture is mirrored left to right;
    t = randint(200, (128,)); noise = randn(128, 1, 28, 28)."""


def initialization(model: AnnotatedUnet) -> list[tuple[str, int]]:
    """The parameters that begin random, in the order of construction, each with its fan-in."""
    modules = dict(model.named_modules())
    parts = ["init_conv", "time_mlp", "downs", "mid_block1", "mid_attn", "mid_block2", "ups", "final_conv"]
    ordered = sorted(model.named_parameters(), key=lambda item: parts.index(item[0].split(".")[0]))
    result = []
    for name, _ in ordered:
        owner = modules[name.rpartition(".")[0]]
        if not isinstance(owner, torch.nn.GroupNorm):
            result.append((name, owner.weight[0].numel()))
    return result


def initialize(model: AnnotatedUnet, generator: torch.Generator):
    """PyTorch's default initialization, spelled out."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, fan_in in initialization(model):
            parameters[name].uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)


def train(seed: int, steps: int = STEPS) -> list[float]:
    torch.manual_seed(seed)
    published = AnnotatedUnet(**CONFIG)
    generator = torch.Generator().manual_seed(seed)
    model = AnnotatedUnet(**CONFIG)
    initialize(model, generator)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), published.parameters()))
    data = torch.from_numpy(pictures(COUNT)[0])[:, None].float() / 255 * 2 - 1
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64), dim=0).float()
    model.to(memory_format=torch.channels_last)  # a fifth faster
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses: list[float] = []
    while len(losses) < steps:
        for indices in torch.randperm(COUNT, generator=generator).split(BATCH)[: steps - len(losses)]:
            x0 = data[indices]
            mirrored = torch.rand(BATCH, generator=generator) < 0.5
            x0 = torch.where(mirrored[:, None, None, None], x0.flip(3), x0)
            t = torch.randint(T, (BATCH,), generator=generator)
            noise = torch.randn(x0.shape, generator=generator)
            a = abar[t, None, None, None]
            loss = F.smooth_l1_loss(model(a.sqrt() * x0 + (1 - a).sqrt() * noise, t), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"seed {seed}: step {len(losses)}, loss {sum(losses[-50:]) / 50:.4f}", file=sys.stderr, flush=True)
    return losses


def make():
    fixture = Fixture("annotated_reference", ABOUT)
    images, labels = pictures(COUNT)
    model = AnnotatedUnet(**CONFIG)
    fixture.case("setting", config=CONFIG, count=COUNT, images_sha256=digest(images), labels_sha256=digest(labels), batch_size=BATCH, steps=STEPS,
                 num_train_timesteps=T, beta_schedule="linear", loss="huber", optimizer="adam", learning_rate=1e-3, horizontal_flip=True,
                 parameters=sum(p.numel() for p in model.parameters()), initialization=[[name, fan] for name, fan in initialization(model)])
    for seed in SEEDS:
        fixture.case(f"seed_{seed}", seed=seed, losses=[round(loss, 7) for loss in train(seed)])
    fixture.write()
