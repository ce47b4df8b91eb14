"""Tiny models of each family that people share as single files, under the names of the programs that trained them.

The names are written here module by module, and checked: what diffusers' own converters make of each file is what it was made from.
"""

import hashlib
import json
import shutil

import safetensors.torch
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from fixture import FOLDER
from modules import randomize

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CROSS_DOWN, DOWN, CROSS_UP, UP = "CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "conv_shortcut": "skip_connection"}
ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2", "class_embedding": "label_emb", "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0",
        "conv_out": "out.2"}


def unet_name(key: str, config) -> str:
    """Blocks are numbered through on each way; a block's 0 is a ResNet block or a down-sampling, its 1 a transformer."""
    block = config.layers_per_block + 1
    match key.split("."):
        case ["mid_block", "resnets", number, layer, kind]:
            return f"middle_block.{2 * int(number)}.{RESNET[layer]}.{kind}"
        case ["mid_block", "attentions", _, *rest]:
            return ".".join(["middle_block.1", *rest])
        case ["down_blocks", level, "resnets", number, layer, kind]:
            return f"input_blocks.{1 + int(level) * block + int(number)}.0.{RESNET[layer]}.{kind}"
        case ["down_blocks", level, "attentions", number, *rest]:
            return ".".join([f"input_blocks.{1 + int(level) * block + int(number)}.1", *rest])
        case ["down_blocks", level, "downsamplers", _, "conv", kind]:
            return f"input_blocks.{(int(level) + 1) * block}.0.op.{kind}"
        case ["up_blocks", level, "resnets", number, layer, kind]:
            return f"output_blocks.{int(level) * block + int(number)}.0.{RESNET[layer]}.{kind}"
        case ["up_blocks", level, "attentions", number, *rest]:
            return ".".join([f"output_blocks.{int(level) * block + int(number)}.1", *rest])
        case ["up_blocks", level, "upsamplers", _, "conv", kind]:
            place = 2 if config.up_block_types[int(level)] == CROSS_UP else 1
            return f"output_blocks.{(int(level) + 1) * block - 1}.{place}.conv.{kind}"
        case [*module, kind]:
            return f"{ENDS['.'.join(module)]}.{kind}"


def vae_name(key: str, config) -> str:
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}
    match key.split("."):
        case [half, "mid_block", "resnets", number, layer, kind]:
            return f"{half}.mid.block_{int(number) + 1}.{layer}.{kind}"
        case [half, "mid_block", "attentions", _, layer, *_, kind]:
            return f"{half}.mid.attn_1.{attention[layer]}.{kind}"
        case [half, "down_blocks", level, "resnets", number, layer, kind]:
            return f"{half}.down.{level}.block.{number}.{layer.replace('conv_shortcut', 'nin_shortcut')}.{kind}"
        case [half, "down_blocks", level, "downsamplers", _, "conv", kind]:
            return f"{half}.down.{level}.downsample.conv.{kind}"
        case [half, "up_blocks", level, "resnets", number, layer, kind]:
            level = len(config.block_out_channels) - 1 - int(level)
            return f"{half}.up.{level}.block.{number}.{layer.replace('conv_shortcut', 'nin_shortcut')}.{kind}"
        case [half, "up_blocks", level, "upsamplers", _, "conv", kind]:
            return f"{half}.up.{len(config.block_out_channels) - 1 - int(level)}.upsample.conv.{kind}"
        case _:
            return key.replace("conv_norm_out", "norm_out")


def vae_tensors(vae: AutoencoderKL) -> dict[str, torch.Tensor]:
    """The attention's layers are convolutions there."""
    tensors = {vae_name(key, vae.config): value for key, value in vae.state_dict().items()}
    return {VAE + key: value[:, :, None, None] if ".attn_1." in key and value.ndim == 2 else value for key, value in tensors.items()}


def open_clip_tensors(weights: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Queries, keys and values are one tensor, and the projection is transposed."""
    layers = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    tensors = {}
    for key, value in weights.items():
        match key.split("."):
            case [_, "encoder", "layers", number, "self_attn", "q_proj", kind]:
                joined = [weights[key.replace("q_proj", other)] for other in ("q_proj", "k_proj", "v_proj")]
                tensors[f"transformer.resblocks.{number}.attn.in_proj_{kind}"] = torch.cat(joined)
            case [_, "encoder", "layers", _, "self_attn", "k_proj" | "v_proj", _]:
                pass
            case [_, "encoder", "layers", number, *layer, kind]:
                tensors[f"transformer.resblocks.{number}.{layers['.'.join(layer)]}.{kind}"] = value
            case [_, "embeddings", "token_embedding", "weight"]:
                tensors["token_embedding.weight"] = value
            case [_, "embeddings", "position_embedding", "weight"]:
                tensors["positional_embedding"] = value
            case [_, "final_layer_norm", kind]:
                tensors[f"ln_final.{kind}"] = value
            case ["text_projection", "weight"]:
                tensors["text_projection"] = value.T
    return {prefix + key: value for key, value in tensors.items()} | {prefix + "logit_scale": torch.tensor(4.6)}


def text_weights(encoder) -> dict[str, torch.Tensor]:
    """Under one set of names, whatever version of transformers it is."""
    names = encoder.state_dict()
    return {key if key.startswith(("text_model.", "text_projection.")) else f"text_model.{key}": value for key, value in names.items()}


def check(part: str, network, converted: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]):
    assert converted.keys() == weights.keys(), (part, converted.keys() ^ weights.keys())
    assert all(torch.equal(converted[key].float(), weights[key].float()) for key in weights), part


class SingleFile:
    """Collects the tensors of a file, and what each of its parts should be: its configuration, and a digest of each parameter."""

    cases: list[dict] = []

    def __init__(self, name: str):
        self.name = name
        self.tensors: dict[str, torch.Tensor] = {}

    def case(self, part: str, config: dict, weights: dict[str, torch.Tensor]):
        digests = {key: hashlib.sha256(value.float().contiguous().numpy().tobytes()).hexdigest()[:12] for key, value in weights.items()}
        SingleFile.cases.append({"name": f"{self.name}_{part}", "config": config, "tensors": digests})

    def unet(self, seed: int, dtype: torch.dtype, with_average: bool = False, **config):
        network = UNet2DConditionModel(**config)
        for part in ("unet_ema", "unet") if with_average else ("unet",):
            randomize(network, seed + len(part))
            network.to(dtype).float()
            weights = network.state_dict()
            named = {UNET + unet_name(key, network.config): value.to(dtype) for key, value in weights.items()}
            check(part, network, single_file_utils.convert_ldm_unet_checkpoint(dict(named), network.config), weights)
            if part == "unet_ema":
                named = {"model_ema." + key.removeprefix("model.").replace(".", ""): value for key, value in named.items()}
            self.tensors |= named
            self.case(part, config, weights)

    def vae(self, seed: int, dtype: torch.dtype, **config):
        network = AutoencoderKL(**config)
        randomize(network, seed)
        network.to(dtype).float()
        named = {key: value.to(dtype) for key, value in vae_tensors(network).items()}
        check("vae", network, single_file_utils.convert_ldm_vae_checkpoint(dict(named), network.config), network.state_dict())
        self.tensors |= named
        self.case("vae", config, network.state_dict())

    def text(self, seed: int, dtype: torch.dtype, part: str, prefix: str, projected: bool = False, spare_layer: bool = False, **config):
        network = (CLIPTextModelWithProjection if projected else CLIPTextModel)(CLIPTextConfig(**config))
        randomize(network, seed)
        network.to(dtype).float()
        weights = text_weights(network)
        typed = {key: value.to(dtype) for key, value in weights.items()}
        if ".model." in prefix:
            if spare_layer:  # Stable Diffusion 2 takes what the last layer receives
                last = f"layers.{network.config.num_hidden_layers - 1}."
                typed |= {key.replace(last, f"layers.{network.config.num_hidden_layers}."): value + 1 for key, value in typed.items() if last in key}
                typed["text_projection.weight"] = torch.ones(network.config.hidden_size, network.config.hidden_size, dtype=dtype)
            self.tensors |= open_clip_tensors(typed, prefix)
        else:
            self.tensors |= {prefix + key: value for key, value in typed.items()}
            self.tensors[prefix + "text_model.embeddings.position_ids"] = torch.arange(network.config.max_position_embeddings)[None]
        self.case(part, config, weights)
        if projected:
            converted = single_file_utils.convert_open_clip_checkpoint(network, dict(self.tensors), prefix)
            check(part, network, converted, weights)

    def write(self, **metadata: str):
        for name in ("betas", "alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "posterior_variance"):
            self.tensors[name] = torch.linspace(0, 1, 4)
        tensors = {key: value.contiguous().clone() for key, value in self.tensors.items()}
        path = FOLDER / "single_files" / f"{self.name}.safetensors"
        safetensors.torch.save_file(tensors, path, metadata={"format": "pt"} | metadata)
        path.chmod(0o644)
        print(f"{self.name}: {len(tensors)} tensors, {path.stat().st_size // 1024} KiB")


TWO_LEVELS = dict(block_out_channels=(8, 16), norm_num_groups=8, down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP))
XL_LEVELS = dict(
    sample_size=128, layers_per_block=1, use_linear_projection=True, attention_head_dim=1, addition_embed_type="text_time",
    addition_time_embed_dim=4)
SMALL_VAE = dict(
    block_out_channels=(4, 8), norm_num_groups=4, layers_per_block=1, latent_channels=4, down_block_types=["DownEncoderBlock2D"] * 2,
    up_block_types=["UpDecoderBlock2D"] * 2)
TEXT = dict(vocab_size=24, intermediate_size=32, num_attention_heads=1, max_position_embeddings=9, bos_token_id=22, eos_token_id=23)


def make():
    shutil.rmtree(FOLDER / "single_files", ignore_errors=True)
    (FOLDER / "single_files").mkdir()
    half, bfloat, single = torch.float16, torch.bfloat16, torch.float32

    file = SingleFile("sd1")
    file.unet(1, half, with_average=True, **TWO_LEVELS, sample_size=64, layers_per_block=2, attention_head_dim=8, cross_attention_dim=12)
    file.vae(2, half, **SMALL_VAE, sample_size=512, scaling_factor=0.18215)
    file.text(3, half, "text_encoder", "cond_stage_model.transformer.", **TEXT, hidden_size=12, num_hidden_layers=2, projection_dim=12)
    file.tensors |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    file.write()

    file = SingleFile("sd2")
    file.unet(4, bfloat, **TWO_LEVELS, sample_size=96, layers_per_block=1, use_linear_projection=True, attention_head_dim=1, cross_attention_dim=16)
    file.vae(5, bfloat, **SMALL_VAE, sample_size=768, scaling_factor=0.18215)
    file.text(6, half, "text_encoder", "cond_stage_model.model.", spare_layer=True, **TEXT, hidden_size=16, num_hidden_layers=2, hidden_act="gelu")
    file.write()

    file = SingleFile("xl")
    file.unet(7, half, **XL_LEVELS, block_out_channels=(8, 16, 8), norm_num_groups=8, transformer_layers_per_block=(1, 1, 2),
              down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP), cross_attention_dim=28,
              projection_class_embeddings_input_dim=10 + 6 * 4)
    file.vae(8, half, **SMALL_VAE, sample_size=1024, scaling_factor=0.13025)
    file.text(9, half, "text_encoder", "conditioner.embedders.0.transformer.", **TEXT, hidden_size=12, num_hidden_layers=3, projection_dim=12)
    file.text(10, half, "text_encoder_2", "conditioner.embedders.1.model.", projected=True, **TEXT, hidden_size=16, num_hidden_layers=3,
              projection_dim=10, hidden_act="gelu")
    file.write(**{"modelspec.prediction_type": "epsilon"})

    file = SingleFile("refiner")
    file.unet(11, half, **XL_LEVELS, block_out_channels=(8, 8, 8), norm_num_groups=8, transformer_layers_per_block=2,
              down_block_types=(DOWN, CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP, UP), cross_attention_dim=16,
              projection_class_embeddings_input_dim=10 + 5 * 4)
    file.vae(12, half, **SMALL_VAE, sample_size=1024, scaling_factor=0.13025)
    file.text(13, single, "text_encoder_2", "conditioner.embedders.0.model.", projected=True, **TEXT, hidden_size=16, num_hidden_layers=2,
              projection_dim=10, hidden_act="gelu")
    file.write()

    file = SingleFile("upscaler")
    file.unet(14, half, block_out_channels=(8, 8, 16), norm_num_groups=8, sample_size=128, layers_per_block=1, in_channels=7, attention_head_dim=8,
              down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP), cross_attention_dim=16,
              use_linear_projection=True, only_cross_attention=(False, True, False), num_class_embeds=10)
    file.vae(15, half, **SMALL_VAE, sample_size=256, scaling_factor=0.08333)
    file.text(16, half, "text_encoder", "cond_stage_model.model.", spare_layer=True, **TEXT, hidden_size=16, num_hidden_layers=2, hidden_act="gelu")
    file.write()

    about = "What the parts of single_files/NAME.safetensors are: config, and the first 12 digits of SHA-256 of each parameter's float32 bytes."
    lines = ",\n".join("  " + json.dumps(case) for case in SingleFile.cases)
    path = FOLDER / "single_files.json"
    path.write_text(f'{{\n "about": "{about}",\n "cases": [\n{lines}\n ]\n}}\n')
    print(f"single_files.json: {path.stat().st_size // 1024} KiB")
