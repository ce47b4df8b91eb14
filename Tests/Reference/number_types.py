"""An archive of arrays of all of numpy's plain number types, in both orders of bytes: Tests/Fixtures/Statistics/types.npz. Needs numpy only."""

from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "Fixtures" / "Statistics" / "types.npz"

if __name__ == "__main__":
    arrays = {}
    for order in "<>":
        for kind in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
            values = [0, 1, 100, 255 if kind[0] == "u" else -100]
            arrays[f"{kind}_{'little' if order == '<' else 'big'}"] = np.array(values, dtype=order + kind)
    arrays["bool"] = np.array([True, False])
    arrays["cube"] = np.asfortranarray(np.arange(24, dtype="<i2").reshape(2, 3, 4))
    arrays["count"] = np.array(-5, dtype=">i4")
    arrays["complex"] = np.array([1j])
    arrays["fields"] = np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")])
    np.savez(FILE, **arrays)
