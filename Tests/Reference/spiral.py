"""minidiffusion's spiral at its published setting: loss by epoch, and how many samples fall on the band.

25,000 points, standardized by one mean and one deviation; three hidden layers of 256; batch 25 in the order of the points;
Adam 1e-3; 40 epochs; T = 1000, linear; 1,200 samples with sigma_t^2 = beta_t. As published, each epoch begins with a new
optimizer; the variant `kept` keeps one. Minutes for each seed: `python make_fixtures.py spiral`.
"""

import math

import torch

from fixture import Fixture
from networks import MinidiffusionMLP

POINTS, BATCH, EPOCHS, T, SAMPLES = 25_000, 25, 40, 1000, 1200


def spiral(count: int) -> torch.Tensor:
    u = torch.rand(count)
    rho = 0.25 + 0.65 * u + 0.15 * torch.rand(count)
    theta = 3 * math.pi * u
    return torch.stack([rho * theta.cos(), rho * theta.sin()], dim=1)


def distance_to_band(points: torch.Tensor) -> torch.Tensor:
    """Distance to the set that the data fill: for each u a radial segment from 0.25 + 0.65 u to 0.4 + 0.65 u at angle 3 pi u."""
    u = torch.linspace(0, 1, 4001, dtype=torch.float64)
    direction = torch.stack([(3 * math.pi * u).cos(), (3 * math.pi * u).sin()])  # (2, 4001)
    along = points.double() @ direction  # (N, 4001)
    nearest = along.clamp(min=0.25 + 0.65 * u, max=0.4 + 0.65 * u)
    squared = points.double().square().sum(dim=1, keepdim=True) - 2 * nearest * along + nearest.square()
    return squared.amin(dim=1).clamp(min=0).sqrt()


@torch.no_grad()
def sample(model, betas, abar) -> torch.Tensor:
    x = torch.randn(SAMPLES, 2)
    for t in reversed(range(T)):
        output = model((x, torch.full((SAMPLES,), t / (T - 1) - 0.5)))
        noise = torch.randn_like(x) if t > 0 else torch.zeros_like(x)
        x = (x - betas[t] / (1 - abar[t]).sqrt() * output) / (1 - betas[t]).sqrt() + betas[t].sqrt() * noise
    return x


def train(seed: int, renew_optimizer: bool):
    torch.manual_seed(seed)
    data = spiral(POINTS)
    mean, deviation = data.mean(), data.std()
    model = MinidiffusionMLP()
    betas = torch.linspace(1e-4, 0.02, T)
    abar = torch.cumprod(1 - betas.double(), dim=0).float()
    optimizer, losses = None, []
    for _ in range(EPOCHS):
        if optimizer is None or renew_optimizer:
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        total = 0.0
        for points in data.split(BATCH):
            x0 = (points - mean) / deviation
            t = torch.randint(T, (len(x0),))
            noise = torch.randn_like(x0)
            xt = abar[t, None].sqrt() * x0 + (1 - abar[t, None]).sqrt() * noise
            loss = (noise - model((xt, t / (T - 1) - 0.5))).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total * BATCH / POINTS)
    distances = distance_to_band(sample(model, betas, abar) * deviation + mean)
    return losses, distances


def make():
    fixture = Fixture("spiral_reference", """minidiffusion's spiral trained by PyTorch: each seed's mean loss by epoch, and the share of 1,200
        samples whose distance to the band of the data is at most 0.05, 0.1. `optimizer` is `renewed` (at each epoch, as published) or
        `kept`.""")
    for kept in (False, True):
        for seed in range(3):
            losses, distances = train(seed, renew_optimizer=not kept)
            share = {str(limit): (distances <= limit).double().mean().item() for limit in (0.05, 0.1)}
            name = "kept" if kept else "renewed"
            fixture.case(f"{name}_{seed}", seed=seed, optimizer=name, epochs=EPOCHS, losses=losses, share_within=share)
            print(name, seed, losses[-1], share, flush=True)
            fixture.write()
