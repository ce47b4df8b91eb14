"""Tiny pipelines that make images from text, with random weights, and what diffusers draws with them.

python text_pipelines.py make DIRECTORY      writes pipelines, input images and job files (DIRECTORY/jobs/NAME.json)
python text_pipelines.py expect DIRECTORY [NAME...]  draws the same with diffusers: DIRECTORY/expected/NAME.npy (N, H, W, C) in [0, 1]
python text_pipelines.py compare DIRECTORY NAME=PICTURES ...  compares PICTURES/00000.png, ... with that: the same within 1/255
python text_pipelines.py fixtures DIRECTORY  writes what tests without Python need of the first two into DIRECTORY

Needs numpy, PIL, torch, diffusers, transformers and, for LoRAs that diffusers reads itself, peft.
"""

import json
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import adapters

diffusers.utils.logging.set_verbosity_error()

WORDS = ["a", "red", "barn", "in", "snow", "light", "house", "of", "stone", "the", "and", "sea", "old", "photo"]


def tokenizer(directory: Path, pad: str) -> CLIPTokenizer:
    """A byte-pair vocabulary of a few words: all bytes, the joints that make them, and the two special tokens."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in kept] + [chr(256 + n) for n in range(256 - len(kept))]
    entries = symbols + [s + "</w>" for s in symbols]
    merges = []
    for word in WORDS:
        parts = list(word[:-1]) + [word[-1] + "</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            parts[:2] = ["".join(pair)]
            if pair not in merges:
                merges.append(pair)
                if parts[0] not in entries:
                    entries.append(parts[0])
    entries += ["<|startoftext|>", "<|endoftext|>"]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.json").write_text(json.dumps({e: i for i, e in enumerate(entries)}, ensure_ascii=False))
    (directory / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return CLIPTokenizer(str(directory / "vocab.json"), str(directory / "merges.txt"), pad_token=pad, model_max_length=77)


def text_encoder(vocabulary: int, width: int, act: str = "quick_gelu", projection: int | None = None, layers: int = 3):
    kind = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=4,
        max_position_embeddings=77, hidden_act=act, projection_dim=projection or width, bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1, pad_token_id=1)
    model = kind(config).eval()
    for parameter in model.parameters():  # larger than their initial values: a prompt must change the image
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def vae(channels: tuple[int, ...] = (8, 16), scaling: float = 0.18215) -> AutoencoderKL:
    levels = len(channels)
    return AutoencoderKL(
        block_out_channels=channels, down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=4, norm_num_groups=4, sample_size=32, scaling_factor=scaling).eval()


def unet(context: int, **options) -> UNet2DConditionModel:
    settings = dict(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, cross_attention_dim=context)
    model = UNet2DConditionModel(**(settings | options)).eval()
    for name, parameter in model.named_parameters():
        if "attn2" in name:
            parameter.data *= 3  # the prompt must be seen
    return model


BETAS = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)


def make_pipelines(root: Path) -> None:
    torch.manual_seed(0)
    scratch = root / "vocabulary"
    plain = tokenizer(scratch, "<|endoftext|>")
    marked = tokenizer(scratch, "!")
    size = len(plain)
    none = dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)

    def save(name: str, pipeline) -> None:
        pipeline.save_pretrained(root / name)

    save("sd", diffusers.StableDiffusionPipeline(
        vae(), text_encoder(size, 32), plain, unet(32),
        diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1, **BETAS), **none))
    save("sd2", diffusers.StableDiffusionPipeline(
        vae(), text_encoder(size, 32, "gelu"), marked, unet(32, use_linear_projection=True, attention_head_dim=(2, 4)),
        diffusers.DDIMScheduler(prediction_type="v_prediction", set_alpha_to_one=False, steps_offset=1, clip_sample=False, **BETAS), **none))
    save("inpaint", diffusers.StableDiffusionInpaintPipeline(
        vae(), text_encoder(size, 32), plain, unet(32, in_channels=9),
        diffusers.DDIMScheduler(set_alpha_to_one=False, steps_offset=1, clip_sample=False, **BETAS), **none))
    xl = dict(
        block_out_channels=(8, 16), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), transformer_layers_per_block=(1, 2), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8)
    shared = vae(scaling=0.13025)
    second = text_encoder(size, 24, "gelu", projection=24)
    save("xl", diffusers.StableDiffusionXLPipeline(
        shared, text_encoder(size, 32), second, plain, marked,
        unet(56, projection_class_embeddings_input_dim=24 + 6 * 8, **xl),
        diffusers.EulerDiscreteScheduler(steps_offset=1, timestep_spacing="leading", **BETAS)))
    save("xl-refiner", diffusers.StableDiffusionXLImg2ImgPipeline(
        shared, None, second, None, marked, unet(24, projection_class_embeddings_input_dim=24 + 5 * 8, **xl),
        diffusers.EulerDiscreteScheduler(steps_offset=1, timestep_spacing="leading", **BETAS), requires_aesthetics_score=True))
    save("upscaler", diffusers.StableDiffusionUpscalePipeline(
        vae((8, 8, 16), scaling=0.08333), text_encoder(size, 32, "gelu"), marked,
        unet(32, in_channels=7, num_class_embeds=1000, only_cross_attention=(True, False), use_linear_projection=True),
        diffusers.DDPMScheduler(), diffusers.DDIMScheduler(
            prediction_type="v_prediction", set_alpha_to_one=False, steps_offset=1, clip_sample=False, beta_start=0.0001, beta_end=0.02,
            beta_schedule="scaled_linear"),
        max_noise_level=350))


def make_images(root: Path) -> None:
    y, x = np.mgrid[0:32, 0:32]
    picture = np.stack([8 * x, 8 * y, 128 + 60 * np.sin(x / 3)], -1).clip(0, 255).astype(np.uint8)
    Image.fromarray(picture).save(root / "picture.png")
    mask = ((x - 18) ** 2 + (y - 14) ** 2 < 60).astype(np.uint8) * 255
    Image.fromarray(mask).save(root / "mask.png")
    Image.fromarray(picture[::2, ::2]).save(root / "small.png")
    torch.manual_seed(5)
    save_file({"<toy>": 0.5 * torch.randn(3, 32)}, root / "toy.safetensors")


PROMPT = "a red barn in snow, (old) photo's light!"
SAMPLERS = {
    "pndm": (None, None),
    "ddim": (diffusers.DDIMScheduler, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_ancestral": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
}


def make_adapters(root: Path) -> None:
    for name, (_, entries, metadata) in adapters.pictured().items():
        adapters.save(entries, metadata, root / f"{name}.safetensors")


def adapt(pipeline, root: Path, loras: list, by_diffusers: bool) -> None:
    """Lets a pipeline draw with [(name, scale)]: read by diffusers itself, or merged by the formulas of adapters.py."""
    if by_diffusers:
        for name, _ in loras:
            pipeline.load_lora_weights(str(root), weight_name=f"{name}.safetensors", adapter_name=name)
        pipeline.set_adapters([name for name, _ in loras], [scale for _, scale in loras])
        return
    for network in ("unet", "text_encoder", "text_encoder_2"):
        module = getattr(pipeline, network, None)
        if module is None:
            continue
        own = dict(module.named_parameters())
        plain = {n: p.detach().numpy().astype(np.float64) for n, p in own.items()}
        for name, scale in loras:
            for _, path, _, form in (e for e in adapters.pictured()[name][1] if e[0] == network):
                key = next(k for k in (f"{path}.weight", f"{path}.weight".removeprefix("text_model.")) if k in own)
                own[key].data += torch.from_numpy(form.merged(plain[key], scale) - plain[key]).float()


def cases() -> dict:
    """name: (pipeline, members of the job, class of diffusers or None, arguments of its call)."""
    found = {}

    def add(name, model, job, call, kind=None, sampler=None):
        found[name] = (model, job, kind, call, sampler)

    for name in SAMPLERS:
        steps = {"steps": 8} if name == "pndm" else {"name": name, "steps": 8, **({"use_karras_sigmas": True} if name == "dpmpp_2m" else {})}
        add(f"sd-{name}", "sd", {"prompt": PROMPT, "sampler": steps}, dict(prompt=PROMPT, num_inference_steps=8), sampler=name)
    few = {"steps": 6}
    add("sd-negative", "sd", {"prompt": PROMPT, "negative_prompt": "sea, stone", "sampler": few, "guidance_scale": 4.5},
        dict(prompt=PROMPT, negative_prompt="sea, stone", guidance_scale=4.5, num_inference_steps=6))
    add("sd-unguided", "sd", {"prompt": PROMPT, "sampler": few, "guidance_scale": 1}, dict(prompt=PROMPT, guidance_scale=1, num_inference_steps=6))
    add("sd-clip-skip", "sd", {"prompt": PROMPT, "sampler": few, "clip_skip": 1}, dict(prompt=PROMPT, clip_skip=1, num_inference_steps=6))
    add("sd-size", "sd", {"prompt": PROMPT, "sampler": few, "size": [24, 40]}, dict(prompt=PROMPT, height=24, width=40, num_inference_steps=6))
    add("sd-rescale", "sd", {"prompt": PROMPT, "sampler": few, "guidance_rescale": 0.7}, dict(prompt=PROMPT, guidance_rescale=0.7, num_inference_steps=6))
    add("sd-several", "sd", {"prompt": ["a barn", "the sea"], "count": 2, "batch_size": 2, "sampler": few},
        dict(prompt=["a barn", "the sea"], num_inference_steps=6))
    add("sd-empty", "sd", {"prompt": "", "sampler": few}, dict(prompt="", num_inference_steps=6))
    add("sd-long", "sd", {"prompt": "old stone " * 60, "sampler": few}, dict(prompt="old stone " * 60, num_inference_steps=6))
    add("sd2-v", "sd2", {"prompt": PROMPT + " hi!there", "sampler": few}, dict(prompt=PROMPT + " hi!there", num_inference_steps=6))
    add("xl-base", "xl", {"prompt": PROMPT, "sampler": few}, dict(prompt=PROMPT, num_inference_steps=6))
    add("xl-negative", "xl", {"prompt": PROMPT, "negative_prompt": "sea", "sampler": few, "clip_skip": 1},
        dict(prompt=PROMPT, negative_prompt="sea", clip_skip=1, num_inference_steps=6))
    add("xl-empty-negative", "xl", {"prompt": PROMPT, "negative_prompt": "", "sampler": few},
        dict(prompt=PROMPT, negative_prompt="", num_inference_steps=6))
    add("xl-size", "xl", {"prompt": PROMPT, "sampler": few, "size": [40, 24]}, dict(prompt=PROMPT, height=40, width=24, num_inference_steps=6))
    edit = {"kind": "img2img", "image": "picture.png", "strength": 0.6, "sampler": {"steps": 10}}
    call = dict(image="picture.png", strength=0.6, num_inference_steps=10)
    add("sd-img2img", "sd", edit | {"prompt": PROMPT}, call | dict(prompt=PROMPT), diffusers.StableDiffusionImg2ImgPipeline)
    add("xl-img2img", "xl", edit | {"prompt": PROMPT}, call | dict(prompt=PROMPT), diffusers.StableDiffusionXLImg2ImgPipeline)
    add("xl-refiner-img2img", "xl-refiner", edit | {"prompt": PROMPT}, call | dict(prompt=PROMPT))
    add("xl-refined", "xl", {"prompt": PROMPT, "negative_prompt": "sea", "sampler": {"steps": 10}, "refiner": "xl-refiner", "switch_at": 0.7},
        dict(prompt=PROMPT, negative_prompt="sea", num_inference_steps=10, refiner="xl-refiner", denoising_end=0.7))
    add("upscaler", "upscaler", {"kind": "img2img", "image": "small.png", "prompt": PROMPT, "noise_level": 30, "sampler": few},
        dict(prompt=PROMPT, image="small.png", noise_level=30, num_inference_steps=6))
    add("sd-embedding", "sd", {"prompt": "a <toy> house", "sampler": few, "embeddings": ["toy.safetensors"]},
        dict(prompt="a <toy> house", num_inference_steps=6, embedding="toy.safetensors"))
    def lora(name, model, loras, by_diffusers, job={}, call={}, kind=None):
        if by_diffusers and not find_spec("peft"):
            return
        add(name, model, {"prompt": PROMPT, "sampler": few, "loras": [{"path": f"{n}.safetensors", "scale": s} for n, s in loras]} | job,
            dict(prompt=PROMPT, num_inference_steps=6, loras=(loras, by_diffusers)) | call, kind)

    lora("lora-kohya", "sd", [("kohya", 1)], False)
    lora("lora-peft", "sd", [("peft", 0.7)], False)
    lora("lora-unet-by-diffusers", "sd", [("processors", 1)], True)
    lora("lora-scale-by-diffusers", "sd", [("unet-kohya", 0.6)], True)
    lora("lora-several-by-diffusers", "sd", [("unet-kohya", 0.5), ("unet-peft", -0.8)], True)
    lora("lora-dora-by-diffusers", "sd", [("unet-dora", 1)], True)
    lora("lora-dora-scale-by-diffusers", "sd", [("unet-dora", 0.6)], True)
    lora("lora-xl-by-diffusers", "xl", [("xl-unet-original", 0.9)], True)
    for form in ("locon", "dora", "loha", "lokr", "mixed", "processors", "diffusers"):
        lora(f"lora-{form}", "sd", [(form, 0.8)], False)
    lora("lora-all", "sd", [("kohya", 0.5), ("loha", 0.3), ("dora", 0.4), ("locon", -0.5)], False)
    lora("lora-xl", "xl", [("xl-original", 1)], False)
    lora("lora-xl-diffusers", "xl", [("xl-diffusers", 1)], False)
    lora("lora-inpaint", "inpaint", [("kohya", 1)], False, edit | {"mask": "mask.png"},
         dict(image="picture.png", mask_image="mask.png", strength=0.6, num_inference_steps=10))
    lora("lora-upscaler", "upscaler", [("unet-upscaler", 1)], False, {"kind": "img2img", "image": "small.png", "noise_level": 30},
         dict(image="small.png", noise_level=30))
    lora("lora-img2img", "sd", [("kohya", 0.8)], False, edit, call, diffusers.StableDiffusionImg2ImgPipeline)
    mask = {"mask": "mask.png"}
    add("sd-inpaint-4", "sd", edit | mask | {"prompt": PROMPT, "strength": 1, "sampler": {"name": "ddim", "steps": 8}},
        dict(prompt=PROMPT, image="picture.png", mask_image="mask.png", strength=1.0, num_inference_steps=8),
        diffusers.StableDiffusionInpaintPipeline, "ddim")
    add("sd-inpaint-4-part", "sd", edit | mask | {"prompt": PROMPT, "sampler": {"name": "ddim", "steps": 10}},
        dict(prompt=PROMPT, image="picture.png", mask_image="mask.png", strength=0.6, num_inference_steps=10),
        diffusers.StableDiffusionInpaintPipeline, "ddim")
    for strength in (1, 0.6):
        add(f"inpaint-9-{strength}", "inpaint", edit | mask | {"prompt": PROMPT, "strength": strength},
            dict(prompt=PROMPT, image="picture.png", mask_image="mask.png", strength=float(strength), num_inference_steps=10))
    return found


def make_jobs(root: Path) -> None:
    (root / "jobs").mkdir(exist_ok=True)
    for name, (model, job, _, _, _) in cases().items():
        full = {"kind": "sample", "model": f"{root}/{model}", "rng": "torch", "seed": 3} | job
        for key in ("image", "mask", "refiner"):
            if key in full:
                full[key] = f"{root}/{full[key]}"
        if "embeddings" in full:
            full["embeddings"] = [f"{root}/{file}" for file in full["embeddings"]]
        if "loras" in full:
            full["loras"] = [lora | {"path": f"{root}/{lora['path']}"} for lora in full["loras"]]
        (root / "jobs" / f"{name}.json").write_text(json.dumps(full))


def expect(root: Path, names: list[str]) -> None:
    (root / "expected").mkdir(exist_ok=True)
    for name, (model, _, kind, call, sampler) in cases().items():
        if names and name not in names:
            continue
        index = json.loads((root / model / "model_index.json").read_text())
        pipeline = (kind or getattr(diffusers, index["_class_name"])).from_pretrained(root / model, safety_checker=None)
        pipeline.set_progress_bar_config(disable=True)
        encoder = getattr(pipeline, "text_encoder", None)
        if encoder is not None and not hasattr(encoder, "text_model"):
            encoder.__dict__["text_model"] = encoder  # diffusers 0.42 asks for it; transformers 5.6 and later lack it
        scheduler, options = SAMPLERS[sampler] if sampler else (None, None)
        if scheduler:
            pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **options)
        call = {k: Image.open(root / v) if k in ("image", "mask_image") else v for k, v in call.items()}
        if "mask_image" in call:
            call |= {"height": 32, "width": 32}
        generator = torch.Generator("cpu").manual_seed(3)
        if embedding := call.pop("embedding", None):
            pipeline.load_textual_inversion(root / embedding)
        if loras := call.pop("loras", None):
            adapt(pipeline, root, *loras)
        if refiner := call.pop("refiner", None):
            second = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(root / refiner)
            second.set_progress_bar_config(disable=True)
            latents = pipeline(**call, generator=generator, output_type="latent").images
            end = call.pop("denoising_end")
            images = second(**call, image=latents, denoising_start=end, generator=generator, output_type="np").images
        else:
            images = pipeline(**call, generator=generator, output_type="np").images
        np.save(root / "expected" / f"{name}.npy", images)


def compare(root: Path, name: str, pictures: Path) -> int:
    expected = np.load(root / "expected" / f"{name}.npy")
    drawn = [np.asarray(Image.open(path).convert("RGB"), np.float64) / 255 for path in sorted(pictures.glob("[0-9]*.png"))]
    if len(drawn) != len(expected) or drawn[0].shape != expected[0].shape:
        print(f"{name}: {[d.shape for d in drawn]} were drawn, not {expected.shape}")
        return 1
    difference = np.abs(np.stack(drawn) - expected)
    if "mask" in cases()[name][1]:  # what the mask keeps is pasted back here, and comes through the autoencoder there
        keep = np.asarray(Image.open(root / "mask.png")) < 128
        assert all((np.asarray(Image.open(root / "picture.png")) == np.rint(d * 255))[keep].all() for d in drawn), "the rest changed"
        difference[:, keep] = 0
    same = difference.max() <= 1.01 / 255
    print(f"{name}: {'the same' if same else 'DIFFERENT'}, largest difference {difference.max() * 255:.2f}/255, "
          f"range {expected.min():.2f} to {expected.max():.2f}")
    return 0 if same else 1


# What tests without Python draw: pipelines, and jobs on them.
KEPT = ["sd", "xl"]
KEPT_CASES = ["sd-pndm", "sd-dpmpp_2m", "sd-negative", "sd-clip-skip", "sd-several", "sd-img2img", "xl-base", "xl-negative", "xl-img2img"]


def fixtures(target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_pipelines(root)
        make_images(root)
        expect(root, KEPT_CASES)
        for name in KEPT:
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(root / name, target / name)
        shutil.copy(root / "picture.png", target / "picture.png")
        expected = {name: torch.from_numpy(np.load(root / "expected" / f"{name}.npy")) for name in KEPT_CASES}
        save_file(expected, target / "expected.safetensors")
        jobs = {name: {"kind": "sample", "model": f"data/{model}"} | job for name, (model, job, *_) in cases().items() if name in KEPT_CASES}
        (target / "jobs.json").write_text(json.dumps(jobs, indent=1) + "\n")


if __name__ == "__main__":
    command, root, rest = sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:]
    if command == "make":
        root.mkdir(parents=True, exist_ok=True)
        make_pipelines(root)
        make_images(root)
        make_adapters(root)
        make_jobs(root)
        if not find_spec("peft"):
            print("skipped: LoRAs that diffusers reads itself (there is no peft)")
    elif command == "fixtures":
        root.mkdir(parents=True, exist_ok=True)
        fixtures(root)
    elif command == "expect":
        expect(root, rest)
    else:
        pairs = [pair.split("=", 1) for pair in rest]
        sys.exit(max([compare(root, name, Path(pictures)) for name, pictures in pairs]))
