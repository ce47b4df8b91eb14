"""torch's CPU generator: normals, uniforms, integers and permutations by seed."""

import hashlib

import torch

from fixture import Fixture


def draw(kind: str, size: int, generator: torch.Generator, high: int | None = None) -> torch.Tensor:
    if kind == "randn":
        return torch.randn(size, generator=generator)
    if kind == "rand":
        return torch.rand(size, generator=generator)
    if kind == "randint":
        return torch.randint(high, (size,), generator=generator)
    assert kind == "randperm"
    return torch.randperm(size, generator=generator)


def add(fixture: Fixture, name: str, seed: int, draws: list[tuple]):
    """One generator, drawn from several times. Short draws are stored whole, long ones by both ends, sum and digest."""
    generator = torch.Generator("cpu").manual_seed(seed)
    tensors, described = {}, []
    for index, (kind, size, *high) in enumerate(draws):
        values = draw(kind, size, generator, *high)
        entry = {"kind": kind, "size": size}
        if high:
            entry["high"] = high[0]
        if not values.is_floating_point():
            entry["values"] = values.tolist()
        elif size <= 1000:
            tensors[f"{index}"] = values
        else:
            tensors |= {f"{index}_first": values[:64], f"{index}_last": values[-64:]}
            entry["sum"] = values.double().sum().item()
            entry["sum_of_squares"] = values.double().square().sum().item()
            if kind == "rand":  # normals pass through vector math whose last bit depends on the processor
                entry["sha256"] = hashlib.sha256(values.numpy().astype("<f4").tobytes()).hexdigest()
        described.append(entry)
    fixture.case(name, tensors, seed=seed, draws=described)


def make():
    fixture = Fixture("random_torch", """torch.Generator("cpu").manual_seed(seed), then the draws in order. Draw i is
        tensor <case>.<i>; a draw of more than 1000 numbers has <i>_first and <i>_last (64 each), sum and
        sum_of_squares in float64, and for uniforms the SHA-256 of its little-endian float32 bytes.""")
    sizes = [*range(1, 21), 31, 32, 33, 100, 1000, 100003]
    for size in sizes:
        add(fixture, f"randn_{size}", 0, [("randn", size)])
        add(fixture, f"rand_{size}", 0, [("rand", size)])
    for seed in (1, 42, 2**31 - 1, 2**32 + 5, 2**63 - 1):
        add(fixture, f"seed_{seed}", seed, [("rand", 4), ("randn", 40)])
    add(fixture, "short_normals_keep_a_cached_value", 7, [("randn", 3), ("randn", 3), ("randn", 1), ("randn", 4)])
    add(fixture, "short_then_long_normals", 7, [("randn", 5), ("randn", 20), ("randn", 5), ("randn", 16), ("randn", 2)])
    add(fixture, "uniforms_between_normals", 7, [("randn", 1), ("rand", 3), ("randn", 1), ("rand", 17), ("randn", 33)])
    add(fixture, "same_size_again", 3, [("randn", 17), ("randn", 17), ("rand", 17), ("rand", 17)])
    add(fixture, "across_the_state_block", 3, [("rand", 623), ("rand", 3), ("randn", 700), ("randn", 9)])
    add(fixture, "integers", 5, [("randint", 20, 1000), ("randint", 3, 2), ("randn", 3), ("randint", 5, 10**6)])
    add(fixture, "permutations", 5, [("randperm", 1), ("randperm", 2), ("randperm", 10), ("randn", 3), ("randperm", 100)])
    fixture.write()


if __name__ == "__main__":
    make()
