"""CLIP's text encoders: transformers' classes with small random weights."""

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from fixture import Fixture, random
from modules import randomize

BASE = dict(vocab_size=40, hidden_size=16, intermediate_size=24, projection_dim=6, num_hidden_layers=3, num_attention_heads=2,
            max_position_embeddings=12, eos_token_id=39, bos_token_id=38, pad_token_id=39)
# Full, short with its end as padding, empty, and padding 0 with a second end behind the first.
IDS = [[38, 5, 17, 3, 3, 30, 11, 2, 24, 8, 9, 39], [38, 7, 21, 39, 39, 39, 39, 39, 39, 39, 39, 39],
       [38, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39], [38, 1, 0, 12, 39, 0, 0, 0, 39, 0, 0, 0]]


def names(model) -> dict[str, str]:
    """Of the parameters, as files of all versions but some have them: with `text_model.` in front."""
    known = ("text_model.", "text_projection.")
    return {name: name if name.startswith(known) else f"text_model.{name}" for name, _ in model.named_parameters()}


def add(fixture: Fixture, name: str, kind, ids, gradients: bool = False, placeholders: int = 0, weights=None, **options):
    config = BASE | options
    model = kind(CLIPTextConfig(**config)).eval()
    randomize(model, seed=len(fixture.cases) + 1, spread=0.2)
    tensors = {f"weights.{names(model)[key]}": value.detach().clone() for key, value in model.named_parameters()}
    if placeholders:
        rows = random(placeholders, config["hidden_size"], seed=7)
        model.resize_token_embeddings(config["vocab_size"] + placeholders, mean_resizing=False)
        with torch.no_grad():
            model.get_input_embeddings().weight[config["vocab_size"]:] = rows
        tensors["placeholders"] = rows
    model.double()
    result = model(torch.tensor(ids), output_hidden_states=True)
    norm = (model.text_model if hasattr(model, "text_model") else model).final_layer_norm
    tensors["hidden_states"] = torch.stack(result.hidden_states)
    tensors["normalized"] = torch.stack([norm(state) for state in result.hidden_states])
    tensors["pooled"] = result.text_embeds if "text_embeds" in result else result.pooler_output
    assert torch.equal(tensors["normalized"][-1], result.last_hidden_state)
    if gradients:
        tensors["cotangent"] = random(*result.last_hidden_state.shape, seed=99)
        tensors["pooled_cotangent"] = random(*tensors["pooled"].shape, seed=98)
        loss = (result.last_hidden_state * tensors["cotangent"].double()).sum()
        (loss + (tensors["pooled"] * tensors["pooled_cotangent"].double()).sum()).backward()
        tensors |= {f"grad.{names(model)[key]}": parameter.grad for key, parameter in model.named_parameters()}
    if weights is not None:
        factors = torch.tensor(weights, dtype=torch.float64)[..., None]
        weighted = result.last_hidden_state * factors
        means = [tensor.mean(dim=(1, 2), keepdim=True) for tensor in (result.last_hidden_state, weighted)]
        tensors["weighted"] = weighted * (means[0] / means[1])
    fixture.case(name, tensors, config=config | dict(architectures=[kind.__name__]), ids=ids, weights=weights,
                 parameters=sum(p.numel() for p in model.parameters()) - placeholders * config["hidden_size"])


def make():
    fixture = Fixture("text_encoders", """CLIPTextModel and CLIPTextModelWithProjection of transformers in float64. config as in config.json; ids of
        the sequences; hidden_states (layers + 1, N, S, D) and the same after the final norm; pooled: pooler_output or text_embeds;
        placeholders: rows behind the table; weighted: last_hidden_state by A1111's rule for the weights in the JSON; grad.*: of the sums of
        last_hidden_state and pooled with cotangent and pooled_cotangent.""")
    weights = [[1.0, 1.3, 1.3, 0.5] + [1.0] * 8, [1.0] * 12, [1.0, 1.1] + [1.0] * 10, [1.0, -0.4, 1.21, 2.0] + [1.0] * 8]
    add(fixture, "quick_gelu", CLIPTextModel, IDS, gradients=True, weights=weights)
    add(fixture, "gelu_projection", CLIPTextModelWithProjection, IDS, gradients=True, hidden_act="gelu", layer_norm_eps=1e-3)
    add(fixture, "largest_token", CLIPTextModelWithProjection, IDS, eos_token_id=2, num_hidden_layers=1, num_attention_heads=4)
    add(fixture, "short", CLIPTextModel, [row[:5] for row in IDS], num_hidden_layers=2)
    with_placeholders = [[38, 40, 41, 42, 3, 39] + [39] * 6, [38, 7, 41, 39] + [0] * 8, IDS[0]]
    add(fixture, "placeholders", CLIPTextModel, with_placeholders, placeholders=3, num_hidden_layers=1)
    fixture.write()
