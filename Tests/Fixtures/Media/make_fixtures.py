#!/usr/bin/env python3
"""Makes the pictures in this directory, and expected.json with what Pillow (or, where Pillow drops precision, the maker) says
that they hold. Needs Pillow and numpy. Run it here: python3 make_fixtures.py"""
import io, json, struct, zlib
import numpy as np
from PIL import Image, ImageOps

random = np.random.default_rng(7)
expected = {}


def expect(name, array, maximum=255):
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    height, width, channels = array.shape
    expected[name] = {"width": width, "height": height, "channels": channels, "maximum": maximum,
                      "samples": [int(v) for v in array.flatten()]}


def pack(rows, depth):
    """Rows of samples as PNG scanlines with filter 0."""
    out = b""
    for row in rows:
        flat = np.asarray(row).flatten()
        if depth == 16:
            out += b"\0" + flat.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out


def png(samples, depth, colour, interlaced=False, extra=()):
    """A PNG by hand, as Pillow writes only some kinds. samples: (H, W, C)."""
    height, width, _ = samples.shape
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
        data = b"".join(pack(p, depth) for p in parts if p.size)
    else:
        data = pack(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    chunks = [chunk(b"IHDR", header)] + [chunk(k, d) for k, d in extra]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def save(name, data):
    open(name, "wb").write(data)


W, H = 11, 7
for interlaced in (False, True):
    mark = "_interlaced" if interlaced else ""
    for colour, kind, channels in ((0, "grey", 1), (4, "grey_alpha", 2), (2, "rgb", 3), (6, "rgba", 4)):
        for depth in (1, 2, 4, 8, 16) if colour == 0 else (8, 16):
            samples = random.integers(0, 1 << depth, (H, W, channels))
            name = f"{kind}_{depth}{mark}.png"
            save(name, png(samples, depth, colour, interlaced))
            scale = 1 if depth >= 8 else 255 // ((1 << depth) - 1)
            expect(name, samples * scale, 65535 if depth == 16 else 255)
    for depth in (1, 2, 4, 8):
        count = 1 << depth
        palette = random.integers(0, 256, (count, 3))
        samples = random.integers(0, count, (H, W, 1))
        name = f"palette_{depth}{mark}.png"
        save(name, png(samples, depth, 3, interlaced, [(b"PLTE", palette.astype(np.uint8).tobytes())]))
        expect(name, palette[samples[:, :, 0]])

palette = random.integers(0, 256, (16, 3))
alphas = random.integers(0, 256, 9)
samples = random.integers(0, 16, (H, W, 1))
save("palette_transparent.png", png(samples, 4, 3, False, [(b"PLTE", palette.astype(np.uint8).tobytes()),
                                                           (b"tRNS", alphas.astype(np.uint8).tobytes())]))
full = np.concatenate([palette, np.append(alphas, [255] * 7)[:, None]], axis=1)
expect("palette_transparent.png", full[samples[:, :, 0]])

samples = random.integers(0, 4, (H, W, 1))
save("grey_transparent.png", png(samples, 2, 0, False, [(b"tRNS", struct.pack(">H", 2))]))
expect("grey_transparent.png", np.concatenate([samples * 85, np.where(samples == 2, 0, 255)], axis=2))

samples = random.integers(0, 2, (H, W, 3)) * 40000
save("rgb_transparent.png", png(samples, 16, 2, False, [(b"tRNS", struct.pack(">HHH", 40000, 0, 40000))]))
hidden = (samples == [40000, 0, 40000]).all(axis=2, keepdims=True)
expect("rgb_transparent.png", np.concatenate([samples, np.where(hidden, 0, 65535)], axis=2), 65535)

# Alpha over white, as Pillow composites it.
picture = Image.open("rgba_8.png")
expect("rgba_8.png over white", Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))

# Photographs: smooth with some noise, so that JPEG keeps them.
y, x = np.mgrid[0:16, 0:24]
photo = np.stack([x * 6, y * 10, 255 - x * 3 - y * 4], axis=2) + random.integers(-20, 20, (16, 24, 3))
photo = Image.fromarray(photo.clip(0, 255).astype(np.uint8))
for name, picture, options in (("grey.jpg", photo.convert("L"), {}), ("rgb_420.jpg", photo, {"subsampling": 2}),
                               ("rgb_444.jpg", photo, {"subsampling": 0}), ("progressive.jpg", photo, {"progressive": True}),
                               ("cmyk.jpg", photo.convert("CMYK"), {})):
    picture.save(name, quality=90, **options)
    expect(name, Image.open(name).convert("L" if name == "grey.jpg" else "RGB"))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    name = f"orientation_{orientation}.jpg"
    photo.crop((0, 0, 16, 8)).save(name, quality=90, subsampling=0, exif=exif)
    expect(name, ImageOps.exif_transpose(Image.open(name)))

# Pillow's antialiased resizing.
source = Image.fromarray(random.integers(0, 256, (23, 37, 3)).astype(np.uint8))
source.save("noise.png")
expect("noise.png", source)
for size in ((16, 12), (8, 23), (41, 26), (50, 9), (1, 1), (37, 23)):
    expect(f"noise.png to {size[0]}x{size[1]}", source.resize(size, Image.Resampling.BILINEAR))
expect("noise.png square 16", source.resize((16, 16), Image.Resampling.BILINEAR, box=(7, 0, 30, 23)))
expect("noise.png grey", source.convert("L"))

for name, kind in (("picture.gif", "GIF"), ("picture.webp", "WEBP"), ("picture.bmp", "BMP"), ("picture.tiff", "TIFF")):
    photo.resize((4, 4)).save(name, kind)
with open("jpeg_named.png", "wb") as file:
    photo.resize((8, 8)).save(file, "JPEG")

from PIL.PngImagePlugin import PngInfo
info = PngInfo()
info.add_text("parameters", "steps: 50, caf\u00e9")
info.add_text("Comment", "x" * 300, zip=True)
info.add_itxt("Title", "\u96ea \u2744")
Image.new("L", (2, 2), 9).save("texts.png", pnginfo=info)

json.dump(expected, open("expected.json", "w"), separators=(",", ":"), sort_keys=True)
