"""U-Nets that attend to a text: small networks of the kinds that Stable Diffusion's models are of."""

import torch
from diffusers import UNet2DConditionModel

from fixture import Fixture, random
from models import ABOUT
from modules import add

DOWN, TEXT_DOWN, UP, TEXT_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
BASE = dict(
    sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=2, cross_attention_dim=6,
    down_block_types=(TEXT_DOWN, DOWN), up_block_types=(UP, TEXT_UP),
)
THREE_LEVELS = dict(
    block_out_channels=(4, 4, 8), down_block_types=(TEXT_DOWN, TEXT_DOWN, DOWN), up_block_types=(UP, TEXT_UP, TEXT_UP))
XL = dict(
    down_block_types=(DOWN, TEXT_DOWN), up_block_types=(TEXT_UP, UP), use_linear_projection=True, transformer_layers_per_block=(1, 2),
    attention_head_dim=(1, 2), addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=5 + 6 * 4)


def make():
    fixture = Fixture("models_unet2d_condition", f"""diffusers' UNet2DConditionModel. {ABOUT} `encoder_hidden_states` are the text's tokens,
        of which `token_counts`, where given, are attended to; `text_embeds` (tensor) and `time_ids` are those of added_cond_kwargs.""")

    def unet(name, size=(8, 8), timesteps=(7, 421), tokens=5, counts=None, labels=None, time_ids=None, gradients=False, **options):
        config = BASE | options
        model, count = UNet2DConditionModel(**config), len(timesteps)
        inputs = {
            "sample": random(count, config.get("in_channels", 4), *size, seed=5),
            "encoder_hidden_states": random(count, tokens, BASE["cross_attention_dim"], seed=6),
        }
        if time_ids:
            inputs["text_embeds"] = random(count, 5, seed=7)

        def call(model, sample, encoder_hidden_states, text_embeds=None):
            return model(
                sample, torch.tensor(timesteps), encoder_hidden_states,
                class_labels=None if labels is None else torch.tensor(labels),
                encoder_attention_mask=None if counts is None else torch.arange(tokens) < torch.tensor(counts)[:, None],
                added_cond_kwargs={"text_embeds": text_embeds, "time_ids": torch.tensor(time_ids)} if time_ids else None).sample

        add(fixture, name, model, inputs, call, gradients=gradients, config=config, timesteps=list(timesteps), class_labels=labels,
            token_counts=counts, time_ids=time_ids, gradients_stored=gradients)

    sizes = [[96, 64, 0, 0, 128, 128], [70, 80, 5, 3, 64, 96]]
    unet("sd1", gradients=True)
    unet("sd2", use_linear_projection=True, attention_head_dim=(1, 4), down_block_types=(TEXT_DOWN, TEXT_DOWN), up_block_types=(TEXT_UP, TEXT_UP))
    unet("xl", **XL, time_ids=sizes, gradients=True)
    unet("refiner", **(XL | dict(projection_class_embeddings_input_dim=5 + 5 * 4)), time_ids=[ids[:4] + [6.0] for ids in sizes])
    unet("inpainting", in_channels=9)
    unet("upscaler", in_channels=7, use_linear_projection=True, only_cross_attention=(True, False), num_class_embeds=10, labels=[9, 0],
         down_block_types=(TEXT_DOWN, TEXT_DOWN), up_block_types=(TEXT_UP, TEXT_UP), gradients=True)
    unet("only_text_everywhere", only_cross_attention=True)
    unet("token_counts", counts=[2, 5])
    unet("odd_size", **THREE_LEVELS, size=(9, 7))
    unet("smaller_than_its_levels", **THREE_LEVELS, size=(1, 3))
    unet("scale_shift", resnet_time_scale_shift="scale_shift")
    unet("lists", **(THREE_LEVELS | dict(layers_per_block=(2, 1, 2), transformer_layers_per_block=(2, 1, 1), cross_attention_dim=(6, 6, 6),
         attention_head_dim=(2, 1, 4))))
    unet("no_transformer_layers", transformer_layers_per_block=(0, 1))
    unet("one_level", block_out_channels=(8,), down_block_types=(TEXT_DOWN,), up_block_types=(TEXT_UP,))
    unet("kernels_gelu", conv_in_kernel=5, conv_out_kernel=1, act_fn="gelu", norm_eps=1e-3, mid_block_scale_factor=2.0**0.5,
         time_embedding_dim=12, flip_sin_to_cos=False, freq_shift=1)
    fixture.write()
