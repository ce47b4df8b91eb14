"""Cases of whole modules: weights, inputs, output, and gradients to all of them."""

import torch
from torch import nn

from fixture import Fixture, random


def randomize(module: nn.Module, seed: int, spread: float = 0.1):
    """Moves every parameter a little, so that no norm is the identity and no bias is zero."""
    torch.manual_seed(seed)
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            parameter.add_(random(*parameter.shape, seed=1000 * seed + index, scale=spread))


def add(fixture: Fixture, name: str, module: nn.Module, inputs: dict[str, torch.Tensor], call=None, gradients: bool = True,
        trace: list[str] | None = None, spread: float = 0.1, **options):
    """Runs `call(module, **inputs)` in float64 and stores weights.*, the inputs, output and grad_*, grad.<parameter>.

    `trace` names submodules whose outputs are stored as trace.<path>. `float32_error` in the JSON is how far PyTorch's own
    float32 is from it, relative to the largest value.
    """
    call = call or (lambda module, **inputs: module(**inputs))
    randomize(module, seed=len(fixture.cases) + 1, spread=spread)
    module.eval()
    tensors = {f"weights.{key}": value.clone() for key, value in module.state_dict().items()} | inputs
    with torch.no_grad():
        single = call(module, **inputs)
    module.double()
    leaves = {key: value.double().requires_grad_() if value.is_floating_point() else value for key, value in inputs.items()}
    hooks = []
    for path in trace or []:
        def keep(_, __, output, path=path):
            tensors[f"trace.{path}"] = output[0] if isinstance(output, tuple) else output
        hooks.append(module.get_submodule(path).register_forward_hook(keep))
    output = call(module, **leaves)
    tensors["output"] = output
    if gradients:
        tensors["cotangent"] = random(*output.shape, seed=99)
        (output * tensors["cotangent"].double()).sum().backward()
        tensors |= {f"grad_{key}": leaf.grad for key, leaf in leaves.items() if leaf.grad is not None}
        tensors |= {f"grad.{key}": parameter.grad for key, parameter in module.named_parameters() if parameter.grad is not None}
    error = ((single - output).abs().max() / output.abs().max()).item()
    assert error < 1e-4, (name, error)
    fixture.case(name, tensors, float32_error=error, parameters=sum(p.numel() for p in module.parameters()), **options)
