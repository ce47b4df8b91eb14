"""Times PyTorch's training step of the 28x28 UNet2DModel that the README's example job trains; prints one JSON line.

python bench_step.py [--threads 2] [--steps 10] [--batch 64]
"""

import argparse
import json
import resource
import statistics
import time

import torch
from diffusers import DDPMScheduler, UNet2DModel

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = UNet2DModel(
        sample_size=28, in_channels=1, out_channels=1, block_out_channels=(32, 64, 64), layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )
    scheduler = DDPMScheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    x0 = torch.randn(arguments.batch, 1, 28, 28)
    times = []
    for _ in range(arguments.steps + 2):
        start = time.perf_counter()
        t = torch.randint(1000, (arguments.batch,))
        noise = torch.randn_like(x0)
        loss = torch.nn.functional.mse_loss(model(scheduler.add_noise(x0, noise, t), t).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        times.append((time.perf_counter() - start) * 1000)
    measured = times[2:]  # the first two choose algorithms and allocate
    print(json.dumps({
        "case": "unet2d 28x28 training step", "torch": torch.__version__, "threads": arguments.threads, "batch": arguments.batch,
        "parameters": sum(p.numel() for p in model.parameters()), "median_ms": round(statistics.median(measured), 1),
        "min_ms": round(min(measured), 1), "max_ms": round(max(measured), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))
