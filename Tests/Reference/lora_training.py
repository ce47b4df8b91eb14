"""Twenty steps of training a LoRA with PEFT: losses, and the pairs at the end."""

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from peft import LoraConfig

from fixture import Fixture, random
from modules import randomize
from schedules import float64_scheduler

STEPS, BATCH = 20, 2
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2", "conv_shortcut",
           "downsamplers.0.conv", "upsamplers.0.conv", "time_embedding.linear_1"]
CONFIG = dict(
    sample_size=8, in_channels=2, out_channels=2, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
    down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=2,
    cross_attention_dim=6)

ABOUT = """Case `data`: tensors weights.<parameter>, x0 and noise (steps, batch, ...), text (steps, batch, tokens, width), timesteps (steps, batch) and
    config. A run: LoraConfig(r, lora_alpha, target_modules) on that UNet2DConditionModel; tensors start.<module>.lora_A.weight and
    final.<module>.lora_{A,B}.weight, B starting with zeros; AdamW, mse against the noise, the linear schedule, T = 1000; losses by step.
    Float64 arithmetic; float32_loss_error (relative) says how far PyTorch's own float32 ends from it."""


def own(name: str) -> str:
    return name.replace(".default", "").replace(".base_layer", "")


def train(dtype, start, data, rank, alpha):
    model = UNet2DConditionModel(**CONFIG)
    model.load_state_dict(start)
    model.requires_grad_(False)
    model.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=TARGETS))
    pairs = {own(name): p for name, p in model.named_parameters() if "lora_" in name}
    for number, (name, p) in enumerate(pairs.items()):
        if "lora_A" in name:
            p.data = random(*p.shape, seed=500 + number, scale=(p.numel() / len(p)) ** -0.5 / 3**0.5)
    first = {f"start.{name}": p.detach().clone() for name, p in pairs.items() if "lora_A" in name}
    model.to(dtype)
    scheduler = float64_scheduler(DDPMScheduler)
    optimizer = torch.optim.AdamW(pairs.values(), lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        x0, noise, t = data["x0"][step].double(), data["noise"][step].double(), data["timesteps"][step]
        prediction = model(scheduler.add_noise(x0, noise, t).to(dtype), t, data["text"][step].to(dtype)).sample
        loss = torch.nn.functional.mse_loss(prediction, noise.to(dtype))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, first | {f"final.{name}": p.detach() for name, p in pairs.items()}


def make():
    fixture = Fixture("training_lora", ABOUT)
    model = UNet2DConditionModel(**CONFIG)
    randomize(model, seed=3)
    start = {key: value.clone() for key, value in model.state_dict().items()}
    smooth = torch.nn.functional.interpolate(random(STEPS * BATCH, 2, 4, 4, seed=20), size=(8, 8), mode="bilinear").clamp(-1, 1)
    data = {
        "x0": smooth.reshape(STEPS, BATCH, 2, 8, 8), "noise": random(STEPS, BATCH, 2, 8, 8, seed=21), "text": random(STEPS, BATCH, 5, 6, seed=23),
        "timesteps": torch.randint(1000, (STEPS, BATCH), generator=torch.Generator().manual_seed(22)),
    }
    timesteps = data["timesteps"].tolist()
    tensors = {f"weights.{key}": value for key, value in start.items()} | {k: v for k, v in data.items() if k != "timesteps"}
    fixture.case("data", tensors, timesteps=timesteps, config=CONFIG)
    for name, rank, alpha in [("rank2", 2, 2), ("rank3_alpha6", 3, 6)]:
        losses, pairs = train(torch.float64, start, data, rank, alpha)
        single, _ = train(torch.float32, start, data, rank, alpha)
        error = max(abs(a - b) / b for a, b in zip(single, losses))
        fixture.case(name, pairs, rank=rank, alpha=alpha, targets=TARGETS, losses=losses, float32_loss_error=error)
    fixture.write()


if __name__ == "__main__":
    make()
