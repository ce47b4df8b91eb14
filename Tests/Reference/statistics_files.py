"""Statistics as numpy writes them, and Frechet distances of them by scipy's matrix square root."""

import io

import numpy as np
import scipy.linalg

from fixture import FOLDER, Fixture


def statistics(seed: int, count: int, features: int, shift: float = 0.0, spread: float = 1.0):
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(features, features))
    values = (generator.normal(size=(count, features)) @ mixing) * spread + shift
    return values.mean(axis=0), np.cov(values, rowvar=False)


def distance(a, b) -> float:
    """In float64, and where a product is singular with its square root nudged, as pytorch-fid does it."""
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b)
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a + covariance_b) - 2 * np.trace(root).real)


def make():
    fixture = Fixture("frechet", """Statistics files in Fixtures/Statistics as numpy writes them: stored and deflated, float64 and float32, row-
        and column-major, alone and as ADM's reference batches have them (with arr_0, mu_s and sigma_s). `files` names two of them; `value`
        is their Frechet distance by scipy.linalg.sqrtm.""")
    folder = FOLDER / "Statistics"
    folder.mkdir(exist_ok=True)
    first, second, other = statistics(1, 200, 12), statistics(2, 100, 12, shift=0.3, spread=1.3), statistics(3, 50, 5)
    arrays = {
        "stored": (np.savez, dict(mu=first[0], sigma=first[1])),
        "deflated": (np.savez_compressed, dict(mu=first[0], sigma=first[1])),
        "single": (np.savez, dict(mu=first[0].astype("<f4"), sigma=first[1].astype("<f4"))),
        "columns": (np.savez_compressed, dict(sigma=np.asfortranarray(second[1]), mu=second[0])),
        "adm": (np.savez, dict(arr_0=np.zeros((2, 4, 4, 3), np.uint8), mu=second[0], sigma=second[1], mu_s=other[0], sigma_s=other[1])),
        "five": (np.savez, dict(mu=other[0], sigma=other[1])),
        "named": (np.savez, dict(mu=first[0], sigma=first[1], feature="other", count=3)),
        "lopsided": (np.savez, dict(mu=first[0], sigma=second[1][:, :5])),
        "whole": (np.savez, dict(mu=np.arange(12), sigma=first[1])),
        "infinite": (np.savez, dict(mu=first[0], sigma=first[1] * np.inf)),
        "pictures": (np.savez, dict(arr_0=np.zeros((2, 4, 4, 3), np.uint8))),
    }
    for name, (save, content) in arrays.items():
        buffer = io.BytesIO()
        save(buffer, **content)
        (folder / f"{name}.npz").write_bytes(buffer.getvalue())
    for a, b, value in (("stored", "columns", distance(first, second)), ("deflated", "adm", distance(first, second)),
                        ("single", "stored", 0.0), ("stored", "deflated", 0.0)):
        fixture.case(f"{a}_{b}", files=[a, b], value=value)
    fixture.write()
