"""PyTorch's side of the benchmark: the cases of cases.json with torch and diffusers, eager, float32, contiguous tensors.

reference.py prepare CASE DIRECTORY     writes random weights, inputs and what this side computes from them
reference.py measure CASE DIRECTORY     times the case with those weights; prints one JSON line

The files: weights/diffusion_pytorch_model.safetensors, inputs.safetensors, expected.safetensors. Torch alone is imported where it is enough.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE.parent / "Tests" / "Reference"))
CHECKED_STEPS = 3


def make_model(config: dict, timesteps: int, task: str):
    """The network, and how it is called: predict(x, t) with one timestep for each sample, which an autoencoder takes no notice of."""
    name = config["_class_name"]
    options = {key: value for key, value in config.items() if not key.startswith("_")}
    if name == "UNet2DModel":
        from diffusers import UNet2DModel

        model = UNet2DModel(**options)
        return model, lambda x, t: model(x, t).sample
    if name == "UNet2DConditionModel":
        from diffusers import UNet2DConditionModel

        model = UNet2DConditionModel(**options)

        def predict(x, t):
            count, added = x.shape[0], None
            if model.config.addition_embed_type == "text_time":
                width = options["projection_class_embeddings_input_dim"] - 6 * options["addition_time_embed_dim"]
                sizes = torch.tensor([[512.0, 512, 0, 0, 512, 512]])
                added = {"text_embeds": pattern(count, width), "time_ids": sizes.expand(count, -1)}
            return model(x, t, pattern(count, 77, options["cross_attention_dim"]), added_cond_kwargs=added).sample

        return model, predict
    if name == "DiTTransformer2DModel":
        from diffusers import DiTTransformer2DModel

        model = DiTTransformer2DModel(**options)
        for block in model.transformer_blocks:  # labels fall at random in training otherwise
            block.norm1.emb.class_embedder.dropout_prob = 0
        return model, lambda x, t: model(x, t, class_labels=torch.arange(x.shape[0]) * 7 % options["num_embeds_ada_norm"]).sample
    if name == "VideoDiT":
        from video import VideoDiT

        known = ["attention", "patch_size_t", "num_attention_heads", "attention_head_dim", "in_channels", "num_layers", "sample_size", "patch_size"]
        model = VideoDiT(**{key: options[key] for key in [*known, "num_embeds_ada_norm"] if key in options})
        for block in [*model.transformer_blocks, *getattr(model, "temporal_blocks", [])]:
            block.norm1.emb.class_embedder.dropout_prob = 0
        labels = options["num_embeds_ada_norm"]
        return model, lambda x, t: model(x, t[:, None].expand(-1, x.shape[1]), torch.arange(x.shape[0]) * 7 % labels)
    if name == "AutoencoderKL":
        from diffusers import AutoencoderKL

        model = AutoencoderKL(**options)
        if task == "encode":
            return model, lambda x, t: model.encode(x).latent_dist.mean
        return model, lambda x, t: model.decode(x).sample
    if name == "CLIPTextModel":
        from transformers import CLIPTextConfig, CLIPTextModel

        model = CLIPTextModel(CLIPTextConfig(**options)).eval()
        return model, lambda x, t: model(x).last_hidden_state
    if name == "AnnotatedUNet":
        from networks import AnnotatedUnet

        model = AnnotatedUnet(options["dim"], options["channels"], options["dim_mults"], options["block_type"] == "convnext")
        return model, model
    from networks import MinidiffusionMLP

    model = MinidiffusionMLP(options["data_dimension"], options["hidden_size"])
    return model, lambda x, t: model((x, t / (timesteps - 1) - 0.5))


def pattern(*shape: int) -> torch.Tensor:
    """Numbers between -2 and 2 that the other side has too."""
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 7919 % 2001 - 1000).float() / 500).reshape(shape)


class TextToImage(torch.nn.Module):
    """All parts of Stable Diffusion: prompts (1, 2, 77), of which the second is the one that guidance leads away from, and latents to
    the image of one step's estimate of x_0, at t = 500."""

    def __init__(self, case: dict, unet: dict):
        super().__init__()
        self.text_encoder = make_model(read_config(case["text_encoder"]), case["timesteps"], "encode_text")[0]
        self.unet = make_model(unet, case["timesteps"], "forward")[0]
        self.vae = make_model(read_config(case["autoencoder"]), case["timesteps"], "decode")[0]
        self.abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, case["timesteps"], dtype=torch.float64), dim=0)[500].item()

    def forward(self, ids: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        text = self.text_encoder(ids).last_hidden_state
        prompted, unconditional = self.unet(torch.cat([latents, latents]), 500, text).sample.chunk(2)
        epsilon = unconditional + 7.5 * (prompted - unconditional)
        x0 = (latents - (1 - self.abar) ** 0.5 * epsilon) / self.abar**0.5
        return self.vae.decode(x0 / 0.18215).sample


def token_ids(count: int) -> torch.Tensor:
    """Sequences of 77 tokens that the other side has too."""
    ids = torch.arange(count * 77) * 7919 % 49000
    return ids.reshape(count, 77)


def read_config(name: str) -> dict:
    return json.loads((HERE / "Models" / f"{name}.json").read_text())


def sample_shape(config: dict, task: str) -> list[int]:
    if task == "decode":
        side = config["sample_size"] >> len(config["block_out_channels"]) - 1
        return [config["latent_channels"], side, side]
    if "data_dimension" in config:
        return [config["data_dimension"]]
    if "sample_frames" in config:
        return [config["sample_frames"], config["sample_size"], config["sample_size"], config["in_channels"]]
    if task == "encode_text":
        return [config["max_position_embeddings"]]
    return [config.get("in_channels", config.get("channels", 4)), config["sample_size"], config["sample_size"]]


class Benchmark:
    def __init__(self, case: dict):
        self.case = case
        self.config = read_config(case["model"])
        if case["task"] == "text_to_image":
            self.model = TextToImage(case, self.config)
            self.predict = lambda x, t: self.model(token_ids(2), x)
        else:
            self.model, self.predict = make_model(self.config, case["timesteps"], case["task"])
        self.parts = dict(self.model.named_children()) if case["task"] == "text_to_image" else {".": self.model}
        self.shape = [case["batch"], *sample_shape(self.config, case["task"])]
        betas = torch.linspace(1e-4, 0.02, case["timesteps"], dtype=torch.float64)
        self.alphas = 1 - betas
        self.abar = torch.cumprod(self.alphas, dim=0)

    def load(self, directory: Path):
        for part, model in self.parts.items():
            model.load_state_dict(load_file(directory / "weights" / part / "diffusion_pytorch_model.safetensors"))

    def timesteps(self) -> torch.Tensor:
        return torch.randint(self.case["timesteps"], (self.case["batch"],))

    # Training.

    def begin_training(self):
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.case["optimizer"]]
        self.optimizer = kind(self.model.parameters(), lr=self.case["learning_rate"], weight_decay=0.0)
        self.distance = {"mse": torch.nn.functional.mse_loss, "huber": torch.nn.functional.smooth_l1_loss}[self.case["loss"]]
        self.average = None
        if "ema_decay" in self.case:
            from diffusers.training_utils import EMAModel

            self.average = EMAModel(self.model.parameters(), decay=self.case["ema_decay"])
        self.signal, self.noise = self.abar.sqrt().float(), (1 - self.abar).sqrt().float()

    def train(self, x0, noise, t, observe=None) -> float:
        extents = [-1] + [1] * (x0.dim() - 1)
        xt = self.signal[t].view(extents) * x0 + self.noise[t].view(extents) * noise
        prediction = self.predict(xt, t)
        loss = self.distance(prediction, noise)
        self.optimizer.zero_grad()
        loss.backward()
        if observe:
            observe(prediction)
        if "max_grad_norm" in self.case:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.case["max_grad_norm"])
        self.optimizer.step()
        if self.average:
            self.average.step(self.model.parameters())
        return loss.item()

    # Sampling: Ho et al. 2020, algorithm 2, sigma^2 = beta.

    @torch.no_grad()
    def sample(self, steps: int, generator=None) -> torch.Tensor:
        x = torch.randn(self.shape, generator=generator)
        total = self.case["timesteps"]
        for t in range(total - 1, total - 1 - steps, -1):
            alpha, abar = self.alphas[t].item(), self.abar[t].item()
            prediction = self.predict(x, torch.full((x.shape[0],), t))
            x = (x - (1 - alpha) / (1 - abar) ** 0.5 * prediction) / alpha**0.5
            if t > 0:
                x = x + (1 - alpha) ** 0.5 * torch.randn(x.shape, generator=generator)
        return x

    # The two verbs.

    def prepare(self, directory: Path):
        torch.manual_seed(0)
        for part, model in self.parts.items():
            folder = directory / "weights" / part
            folder.mkdir(parents=True, exist_ok=True)
            weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
            save_file(weights, folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
        expected: dict[str, torch.Tensor] = {}
        inputs: dict[str, torch.Tensor] = {}
        if self.case["task"] == "train":
            inputs["x0"] = torch.randn(CHECKED_STEPS, *self.shape).clamp(-1, 1)
            inputs["noise"] = torch.randn(CHECKED_STEPS, *self.shape)
            inputs["timesteps"] = torch.stack([self.timesteps() for _ in range(CHECKED_STEPS)])
            self.begin_training()

            def observe(prediction):
                expected["prediction"] = prediction.detach().clone()
                expected.update({f"gradient.{name}": p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None})

            losses = []
            for step in range(CHECKED_STEPS):
                losses.append(self.train(*(inputs[key][step] for key in ("x0", "noise", "timesteps")), observe if step == 0 else None))
            expected["losses"] = torch.tensor(losses)
        elif self.case["task"] != "sample":
            inputs["x"] = self.input()
            inputs["timesteps"] = self.timesteps()
            with torch.no_grad():
                expected["output"] = self.predict(inputs["x"], inputs["timesteps"])
        else:  # the noise is that of torch's generator, which the other side has too
            inputs["seed"] = torch.tensor([7])
            expected["output"] = self.sample(self.case["steps"], torch.Generator().manual_seed(7))
        save_file(inputs, directory / "inputs.safetensors")
        save_file({key: value.contiguous() for key, value in expected.items()}, directory / "expected.safetensors")

    def input(self) -> torch.Tensor:
        return token_ids(self.case["batch"]) if self.case["task"] == "encode_text" else torch.randn(self.shape)

    def unit(self):
        """What is timed: a function of a number of steps."""
        torch.manual_seed(1)
        if self.case["task"] == "train":
            self.begin_training()
            x0 = torch.randn(self.shape).clamp(-1, 1)

            def run(steps: int):
                for _ in range(steps):
                    self.train(x0, torch.randn(self.shape), self.timesteps())

            return run
        if self.case["task"] == "sample":
            return self.sample
        x, t = self.input(), self.timesteps()

        def forward(steps: int):
            with torch.no_grad():
                for _ in range(steps):
                    self.predict(x, t)

        return forward

    def measure(self, directory: Path) -> dict:
        self.load(directory)
        run = self.unit()
        run(self.case["warmup"])
        seconds = []
        cpu = time.process_time()
        for _ in range(self.case["repeats"]):
            start = time.perf_counter()
            run(self.case["steps"])
            seconds.append(time.perf_counter() - start)
        return {
            "program": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "seconds": seconds,
            "median_seconds": statistics.median(seconds), "cpu_seconds": (time.process_time() - cpu) / len(seconds), "peak_bytes": peak_bytes(),
        }


def peak_bytes() -> int:
    """The largest resident set of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["prepare", "measure"])
    parser.add_argument("case")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    case = next(case for case in json.loads((HERE / "cases.json").read_text()) if case["name"] == arguments.case)
    benchmark = Benchmark(case)
    if arguments.verb == "prepare":
        benchmark.prepare(arguments.directory)
    else:
        print(json.dumps(benchmark.measure(arguments.directory)))


if __name__ == "__main__":
    main()
