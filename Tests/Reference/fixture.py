"""Fixtures: NAME.safetensors holds the tensors of all cases, NAME.json says what each case is.

A tensor's key is `<case>.<tensor>`; case names hold no dots. Every tensor is float32 in PyTorch's own order
(NCHW, OIHW, NLC), so that a reader needs nothing but a safetensors parser. Integers and doubles stand in the JSON.
"""

import json
import math
from pathlib import Path

import diffusers
import safetensors.torch
import torch

FOLDER = Path(__file__).resolve().parent.parent / "Fixtures"


class Fixture:
    def __init__(self, name: str, about: str):
        self.name = name
        self.about = about
        self.cases: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}

    def case(self, name: str, tensors: dict[str, torch.Tensor] | None = None, **options):
        """Adds a case: its tensors, and whatever a reader must know to run it."""
        assert "." not in name and all(case["name"] != name for case in self.cases), name
        self.cases.append({"name": name, **options})
        for key, tensor in (tensors or {}).items():
            tensor = tensor.detach().to(torch.float32).contiguous().clone()
            assert torch.isfinite(tensor).all(), f"{self.name}: {name}.{key} is not finite"
            self.tensors[f"{name}.{key}"] = tensor

    def write(self):
        versions = {"torch": torch.__version__.split("+")[0], "diffusers": diffusers.__version__}
        head = {"about": " ".join(self.about.split()), "made_with": versions}
        lines = ",\n".join("  " + json.dumps(case, allow_nan=False) for case in self.cases)
        text = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + lines + "\n ]\n}\n"
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{self.name}.json").write_text(text)
        size = len(text)
        if self.tensors:
            path = FOLDER / f"{self.name}.safetensors"
            safetensors.torch.save_file(self.tensors, path, metadata={"format": "pt"})
            path.chmod(0o644)
            size += path.stat().st_size
        print(f"{self.name}: {len(self.cases)} cases, {math.ceil(size / 1024)} KiB", flush=True)


def random(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers that depend on the seed alone, never on what was drawn before."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def differentiate(function, inputs: dict[str, torch.Tensor], seed: int = 99) -> dict[str, torch.Tensor]:
    """Evaluates `function(**inputs)` and the gradient of sum(output * cotangent) to every input.

    The inputs are float32 values; the arithmetic is float64, so that what is stored is right to the last bit of
    float32 and a reader's error is its own.
    """
    leaves = {key: value.double().requires_grad_() for key, value in inputs.items()}
    output = function(**leaves)
    cotangent = random(*output.shape, seed=seed)
    gradients = torch.autograd.grad((output * cotangent.double()).sum(), list(leaves.values()))
    stored = dict(inputs) | {"output": output, "cotangent": cotangent}
    return stored | {f"grad_{key}": gradient for key, gradient in zip(leaves, gradients)}
