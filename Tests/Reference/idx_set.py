"""A set of 28x28 grey pictures from integers alone, which any language draws alike: bars, crosses, discs, rings.

Picture i has a SplitMix64 generator whose state starts at i. In order it draws: kind = next % 4; brightness = 128 + next % 128;
cx = 8 + next % 12; cy = 8 + next % 12; radius r = 3 + next % 6; thickness w = 1 + next % 2. A pixel (x, y), dx = x - cx, dy = y - cy,
is `brightness` where the kind holds and 0 elsewhere:

    0 bar     |dy| <= w and |dx| <= r
    1 cross   (|dx| <= w and |dy| <= r) or (|dy| <= w and |dx| <= r)
    2 disc    dx^2 + dy^2 <= r^2
    3 ring    (r - w)^2 <= dx^2 + dy^2 <= r^2

The label is the kind. SplitMix64 (Steele, Lea & Flood 2014), modulo 2^64: state += 0x9E3779B97F4A7C15; z = state;
z = (z ^ z >> 30) 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) 0x94D049BB133111EB; next = z ^ z >> 31.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

SIZE = 28


def split_mix(state: int):
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        yield z ^ z >> 31


def picture(index: int) -> tuple[np.ndarray, int]:
    draw = split_mix(index)
    kind, brightness, cx, cy, r, w = (low + next(draw) % count for low, count in [(0, 4), (128, 128), (8, 12), (8, 12), (3, 6), (1, 2)])
    y, x = np.mgrid[:SIZE, :SIZE]
    dx, dy = abs(x - cx), abs(y - cy)
    squared = dx**2 + dy**2
    inside = [
        (dy <= w) & (dx <= r),
        ((dx <= w) & (dy <= r)) | ((dy <= w) & (dx <= r)),
        squared <= r**2,
        ((r - w) ** 2 <= squared) & (squared <= r**2),
    ][kind]
    return np.where(inside, brightness, 0).astype(np.uint8), kind


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*(picture(index) for index in range(count)))
    return np.stack(images), np.array(labels, dtype=np.uint8)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


if __name__ == "__main__":  # idx_set.py FOLDER COUNT writes the MNIST pair of files, gzipped
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    images, labels = pictures(count)
    head = lambda code, shape: bytes([0, 0, 8, code]) + b"".join(n.to_bytes(4, "big") for n in shape)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head(3, images.shape) + images.tobytes(), mtime=0))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head(1, labels.shape) + labels.tobytes(), mtime=0))
