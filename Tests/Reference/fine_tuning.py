"""Twenty steps of fine-tuning the pipeline text_pipelines/sd with diffusers, transformers and PEFT: losses, and parts of what was learned."""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel
from peft import LoraConfig, inject_adapter_in_model
from transformers import CLIPTextModel, CLIPTokenizer

from fixture import Fixture, random
from schedules import float64_scheduler

STEPS, BATCH, RANK, RATE, PRIOR_WEIGHT, GAMMA = 20, 2, 3, 5e-4, 0.7, 5.0
PIPELINE = Path(__file__).parent.parent / "Fixtures" / "text_pipelines" / "sd"
CAPTIONS = ["a red barn in snow", "old house of stone", "the sea", "light", ""]
DENOISER_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
                    "downsamplers.0.conv", "upsamplers.0.conv"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
WORD, INITIALIZER, VECTORS = "<toy>", "barn", 2

ABOUT = """Case `data`: tensors x0 and noise (steps, batch, ...), timesteps (steps, batch), captions (steps, batch) by number among `texts`, and for
    `prior` the same again behind the first. Linear schedule, T = 1000, mse against the noise, AdamW without weight decay, rate `rate`.
    `whole`: all of the U-Net. `lora`: pairs of U-Net and text encoder (start.<module>.lora_A.weight, B zeros; alpha = rank). `word`: `vectors`
    rows for `word`, begun as those of `initializer`, in every caption instead of the last word. `prior`: all of the U-Net; the loss is the
    min-SNR weighted mse of the first half plus `weight` times the plain mse of the second. Losses by step, tensors final.<some names>.
    Float64 arithmetic; float32_loss_error (relative) says how far PyTorch's own float32 ends from it."""


class Tuning:
    def __init__(self, dtype, data):
        self.dtype, self.data = dtype, data
        self.unet = UNet2DConditionModel.from_pretrained(PIPELINE / "unet")
        self.text = CLIPTextModel.from_pretrained(PIPELINE / "text_encoder")
        self.tokenizer = CLIPTokenizer.from_pretrained(PIPELINE / "tokenizer")
        self.texts = CAPTIONS
        for network in (self.unet, self.text):
            network.requires_grad_(False)
        self.restore = lambda: None

    def whole(self):
        self.unet.requires_grad_(True)
        return dict(self.unet.named_parameters())

    def lora(self):
        inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=DENOISER_TARGETS), self.unet)
        inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TEXT_TARGETS), self.text)
        pairs = {}
        for part, network in (("unet", self.unet), ("text_encoder", self.text)):
            for name, p in network.named_parameters():
                if "lora_" in name:
                    name = name.replace(".default", "")
                    if part == "text_encoder" and not name.startswith("text_model."):
                        name = f"text_model.{name}"
                    pairs[f"{part}.{name}"] = p
        for number, (name, p) in enumerate(pairs.items()):
            if "lora_A" in name:
                p.data = random(*p.shape, seed=700 + number, scale=(p.numel() / len(p)) ** -0.5 / 3**0.5)
        return pairs

    def word(self):
        begin = self.tokenizer(INITIALIZER, add_special_tokens=False).input_ids
        assert len(begin) == 1
        names = [WORD] + [f"{WORD}_{n}" for n in range(1, VECTORS)]
        self.tokenizer.add_tokens(names)
        self.text.resize_token_embeddings(len(self.tokenizer), mean_resizing=False)
        table = self.text.get_input_embeddings().weight
        own = table.detach().clone()
        new = torch.arange(len(self.tokenizer) - VECTORS, len(self.tokenizer))
        table.data[new] = own[begin[0]]
        table.requires_grad_(True)
        self.texts = [" ".join(text.split()[:-1] + names) for text in CAPTIONS]
        kept = table.detach().clone()

        def restore():
            others = torch.ones(len(table), dtype=torch.bool)
            others[new] = False
            table.data[others] = kept[others].to(table.dtype)

        self.restore, self.rows = restore, new
        return {"table": table}

    def condition(self, numbers):
        ids = self.tokenizer([self.texts[n] for n in numbers], padding="max_length", truncation=True, max_length=77,
                             return_tensors="pt").input_ids
        return self.text(ids)[0]

    def train(self, kind):
        parameters = self.whole() if kind == "prior" else getattr(self, kind)()
        first = {name: p.detach().clone() for name, p in parameters.items()}
        self.unet.to(self.dtype)
        self.text.to(self.dtype)
        scheduler = float64_scheduler(DDPMScheduler)
        optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, weight_decay=0.0)
        losses = []
        for step in range(STEPS):
            take = slice(0, 2 * BATCH if kind == "prior" else BATCH)
            x0, noise, t = (self.data[name][step][take] for name in ("x0", "noise", "timesteps"))
            noisy = scheduler.add_noise(x0.double(), noise.double(), t).to(self.dtype)
            output = self.unet(noisy, t, self.condition(self.data["captions"][step][take].tolist())).sample
            noise = noise.to(self.dtype)
            if kind == "prior":
                (own, prior), (of_own, of_prior) = output.chunk(2), noise.chunk(2)
                abar = scheduler.alphas_cumprod[t[:BATCH]]
                snr = abar / (1 - abar)
                each = F.mse_loss(own, of_own, reduction="none").mean(dim=[1, 2, 3])
                loss = (each * (snr.clamp(max=GAMMA) / snr).to(self.dtype)).mean() + PRIOR_WEIGHT * F.mse_loss(prior, of_prior)
            else:
                loss = F.mse_loss(output, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.restore()
            losses.append(loss.item())
        return losses, first, {name: p.detach() for name, p in parameters.items()}


def make():
    fixture = Fixture("fine_tuning", ABOUT)
    generator = torch.Generator().manual_seed(31)
    smooth = F.interpolate(random(STEPS * 2 * BATCH, 4, 4, 4, seed=30), size=(8, 8), mode="bilinear")
    data = {
        "x0": smooth.reshape(STEPS, 2 * BATCH, 4, 8, 8), "noise": random(STEPS, 2 * BATCH, 4, 8, 8, seed=32),
        "timesteps": torch.randint(1000, (STEPS, 2 * BATCH), generator=generator),
        "captions": torch.randint(len(CAPTIONS), (STEPS, 2 * BATCH), generator=generator),
    }
    fixture.case("data", {name: data[name] for name in ("x0", "noise")}, timesteps=data["timesteps"].tolist(), rate=RATE,
                 captions=data["captions"].tolist(), texts=CAPTIONS)
    about = {"whole": {}, "lora": {"rank": RANK}, "prior": {"weight": PRIOR_WEIGHT, "snr_gamma": GAMMA},
             "word": {"word": WORD, "initializer": INITIALIZER, "vectors": VECTORS}}
    for kind, options in about.items():
        tuning = Tuning(torch.float64, data)
        losses, first, last = tuning.train(kind)
        single, _, _ = Tuning(torch.float32, data).train(kind)
        tensors = {}
        if kind == "lora":
            tensors = {f"start.{name}": value for name, value in first.items() if "lora_A" in name}
            tensors |= {f"final.{name}": value for name, value in last.items() if "q_proj" in name or "to_k" in name}
        if kind == "word":
            tensors = {"final": last["table"][tuning.rows]}
            # diffusers writes all names of a word into a prompt before it is tokenized.
            options = options | {"texts": [text.split("_1")[0].removesuffix(f" {WORD}") for text in tuning.texts]}
        error = max(abs(a - b) / b for a, b in zip(single, losses))
        fixture.case(kind, tensors, losses=losses, float32_loss_error=error, **options)
    fixture.write()


if __name__ == "__main__":
    make()
