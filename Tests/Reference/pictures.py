"""Pictures as they are found: odd but whole files of every format, and what Pillow (turned upright, brought to sRGB, over white) or the
picture that they were made of says that they show. Needs Pillow and numpy only: `python pictures.py` writes Tests/Fixtures/Pictures."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin

FOLDER = Path(__file__).resolve().parent.parent / "Fixtures" / "Pictures"
SRGB = ImageCms.createProfile("sRGB")


def base(width: int = 12, height: int = 8) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([20 + 19 * x, 235 - 24 * y, 40 + 9 * x + 11 * y], axis=2)
    return Image.fromarray(rgb.astype(np.uint8))


# MARK: - Profiles (ICC.1:2001)


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78), b"cprt": b"text" + bytes(4) + b"x\0", **tags}
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = offset + len(body)
    head = struct.pack(">I4sI", size, b"lcms", 0x02400000) + kind + space + pcs + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(64, b"\0") + struct.pack(">I", 0) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*numbers: float) -> bytes:
    return b"XYZ " + bytes(4) + fixed(*numbers)


def gamma(number: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(number * 256))


WHITE = xyz(0.9642, 1, 0.8249)
# The colorants of Adobe RGB (1998), adapted to D50.
WIDE = profile(b"RGB ", {b"wtpt": WHITE, b"rXYZ": xyz(0.60974, 0.31111, 0.01947), b"gXYZ": xyz(0.20528, 0.62567, 0.06087), b"bXYZ": xyz(0.14919, 0.06322, 0.74457), b"rTRC": gamma(2.2), b"gTRC": gamma(2.2), b"bTRC": gamma(2.2)})
GREY = profile(b"GRAY", {b"wtpt": WHITE, b"kTRC": gamma(1.2)})


def ink_profile() -> bytes:
    corners = b""
    for index in range(16):
        c, m, y, k = (index >> 3) & 1, (index >> 2) & 1, (index >> 1) & 1, index & 1
        light = (255 - 90 * c - 70 * m - 20 * y) * (0.15 if k else 1)
        corners += bytes([max(0, round(light)), 128 - 40 * c + 60 * m - 5 * y, 128 - 50 * c + 10 * m + 70 * y])
    ramp = bytes(range(256))
    identity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + 4 * ramp + corners + 3 * ramp
    return profile(b"CMYK", {b"wtpt": WHITE, b"A2B0": lut}, pcs=b"Lab ", kind=b"prtr")


INK = ink_profile()


def seen(image: Image.Image) -> np.ndarray:
    """Upright, in sRGB, over white."""
    image = ImageOps.exif_transpose(image)
    icc = image.info.get("icc_profile")
    alpha = None
    if image.mode in ("P", "LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image)[..., 3:].astype(float) / 255
        image = image.convert("RGB")
    if icc:
        mode = image.mode
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        image = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
        if mode == "L":
            image = image.getchannel(0)
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    values = np.asarray(image).astype(float)
    if alpha is not None:
        values = values * alpha + 255 * (1 - alpha)
    return np.rint(values).astype(np.uint8)


cases: dict[str, dict] = {}


def add(name: str, data: bytes, values: np.ndarray | None = None, within: int = 0, warns: bool = False):
    if values is None:
        values = seen(Image.open(io.BytesIO(data)))
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    assert name not in cases
    cases[name] = dict(width=width, height=height, channels=channels, within=within, warns=warns, hex=values.tobytes().hex())
    (FOLDER / name).write_bytes(data)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="8"/></x:xmpmeta>'

# MARK: - PNG


def chunk(kind: bytes, data: bytes, damaged: bool = False) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ int(damaged))


def before_data(png: bytes, extra: bytes) -> bytes:
    at = png.index(b"IDAT") - 4
    return png[:at] + extra + png[at:]


def pngs():
    image = base()
    plain = saved(image, "PNG")
    add("exif_6.png", saved(image, "PNG", exif=exif(6)))
    end = plain.index(b"IEND") - 4
    late = plain[:end] + chunk(b"eXIf", exif(5)[6:]) + plain[end:]
    add("exif_behind.png", late, np.asarray(image.transpose(Image.Transpose.TRANSPOSE)))
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP)
    add("xmp_8.png", saved(image, "PNG", pnginfo=text))
    text = PngImagePlugin.PngInfo()
    digits = exif(3).hex()
    text.add_text("Raw profile type exif", f"\nexif\n{len(digits) // 2:8d}\n{digits}\n", zip=True)
    add("imagemagick_3.png", saved(image, "PNG", pnginfo=text), np.asarray(image.transpose(Image.Transpose.ROTATE_180)))
    add("wide.png", saved(image, "PNG", icc_profile=WIDE), within=1)
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray((np.arange(96).reshape(8, 12) * 2).astype(np.uint8)))
    add("wide_alpha.png", saved(alpha, "PNG", icc_profile=WIDE), within=1)
    add("grey_profile.png", saved(image.convert("L"), "PNG", icc_profile=GREY), within=1)
    add("srgb_profile.png", saved(image, "PNG", icc_profile=ImageCms.ImageCmsProfile(SRGB).tobytes()), np.asarray(image))
    values = np.asarray(image)
    add("unfit_profile.png", saved(image, "PNG", icc_profile=GREY), values, warns=True)
    add("damaged_remark.png", before_data(plain, chunk(b"tEXt", b"Comment\0hello", damaged=True)), values, warns=True)
    add("no_end.png", plain[:end], values, warns=True)
    add("behind_end.png", plain + b"\0\0trailing", values)


# MARK: - JPEG


def segments(jpeg: bytes):
    """The marker segments up to the scan, and the rest."""
    at, found = 2, []
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        found.append(jpeg[at : at + 2 + length])
        at += 2 + length
    return found, jpeg[at:]


def jpegs():
    image = base(24, 16)
    plain = saved(image, "JPEG", quality=90)
    values = np.asarray(Image.open(io.BytesIO(plain)))
    parts, scan = segments(plain)
    head = b"\xff\xd8"
    add("pads.jpg", head + b"".join(part + b"\0\0" for part in parts) + scan, values, warns=True)
    add("fill_bytes.jpg", head + b"".join(b"\xff\xff" + part for part in parts) + scan, values)
    jfif = parts[0][:9] + b"\x02" + parts[0][10:]
    add("jfif_2.jpg", head + b"".join([jfif] + parts[1:]) + scan, values, warns=True)
    length = struct.unpack(">H", scan[2:4])[0]
    samsung = scan[: length - 1] + b"\x00\x00\x00" + scan[length + 2 :]
    add("samsung.jpg", head + b"".join(parts) + samsung, values, warns=True)
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x07"
    add("adobe_transform.jpg", head + adobe + b"".join(parts[1:]) + scan, values, warns=True)
    add("no_end.jpg", plain[:-2], values, warns=True)
    add("behind_end.jpg", plain + bytes(100) + plain, values)
    progressive = saved(image, "JPEG", quality=90, progressive=True)
    add("progressive_no_end.jpg", progressive[:-2], np.asarray(Image.open(io.BytesIO(progressive))), warns=True)
    marks = saved(image, "JPEG", quality=90, restart_marker_blocks=1)
    add("restarts.jpg", marks)
    add("rgb_coded.jpg", saved(image, "JPEG", quality=95, keep_rgb=True))
    add("xmp_8.jpg", saved(image, "JPEG", quality=90, xmp=XMP.encode()))
    add("exif_7.jpg", saved(image, "JPEG", quality=90, exif=exif(7)))
    add("wide.jpg", saved(image, "JPEG", quality=95, icc_profile=WIDE), within=1)
    # In parts out of order.
    half = len(WIDE) // 2
    def part(number, data):
        data = b"ICC_PROFILE\0" + bytes([number, 2]) + data
        return b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data
    wide = saved(image, "JPEG", quality=95)
    both = wide[:2] + part(2, WIDE[half:]) + part(1, WIDE[:half]) + wide[2:]
    add("wide_parts.jpg", both, seen(Image.open(io.BytesIO(saved(image, "JPEG", quality=95, icc_profile=WIDE)))), within=1)
    ink = Image.merge("CMYK", [Image.fromarray((np.asarray(image)[..., c % 3] // (2 + c)).astype(np.uint8)) for c in range(4)])
    add("ink.jpg", saved(ink, "JPEG", quality=95, icc_profile=INK), within=4)  # versions 2.14 and 2.19 of lcms differ by that


# MARK: - WebP, GIF, TIFF


def webps():
    image = base()
    add("lossy.webp", saved(image, "WEBP", quality=90))
    add("lossless.webp", saved(image, "WEBP", lossless=True))
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray((np.arange(96).reshape(8, 12) * 2).astype(np.uint8)))
    add("alpha.webp", saved(alpha, "WEBP", lossless=True, exact=True))
    add("exif_6.webp", saved(image, "WEBP", lossless=True, exif=exif(6)))
    add("xmp_8.webp", saved(image, "WEBP", lossless=True, xmp=XMP.encode()))
    add("wide.webp", saved(image, "WEBP", lossless=True, icc_profile=WIDE), within=1)
    frames = [image, ImageOps.invert(image)]
    add("animated.webp", saved(image, "WEBP", lossless=True, save_all=True, append_images=frames[1:]), np.asarray(image), warns=True)


def gifs():
    image = base().quantize(16)
    values = np.asarray(image.convert("RGB"))
    plain = saved(image, "GIF", interlace=0)
    add("palette.gif", plain, values)
    add("interlaced.gif", saved(image, "GIF", interlace=1), values)
    add("clear.gif", saved(image, "GIF", transparency=3))
    add("animated.gif", saved(image, "GIF", save_all=True, append_images=[ImageOps.invert(base()).quantize(16)], duration=100), values, warns=True)
    add("no_end.gif", plain[:-1], values, warns=True)
    add("behind_end.gif", plain + b"\0\0\0", values)
    # A picture that does not fill its screen: what it leaves is transparent.
    placed = bytearray(plain)
    struct.pack_into("<HH", placed, 6, 16, 10)
    at = placed.index(b",", 13 + 3 * (2 << (placed[10] & 7)))
    struct.pack_into("<HH", placed, at + 1, 3, 1)
    whole = np.full((10, 16, 3), 255, np.uint8)
    whole[1:9, 3:15] = values
    add("placed.gif", bytes(placed), whole)


def tiffs():
    image = base()
    values = np.asarray(image)
    for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        add(f"{compression}.tif", saved(image, "TIFF", compression=compression), values)
    for orientation in range(2, 9):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[0x0112] = orientation
        add(f"orientation_{orientation}.tif", saved(image, "TIFF", tiffinfo=tags))
    add("grey.tif", saved(image.convert("L"), "TIFF"))
    deep = Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16) * 257))
    add("grey_16.tif", saved(deep, "TIFF"), np.asarray(image.convert("L")), warns=True)
    add("bits.tif", saved(image.convert("1"), "TIFF", compression="group4"), np.asarray(image.convert("1").convert("L")))
    add("palette.tif", saved(image.quantize(16), "TIFF"))
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray((np.arange(96).reshape(8, 12) * 2).astype(np.uint8)))
    add("alpha.tif", saved(alpha, "TIFF"), within=1)
    add("wide.tif", saved(image, "TIFF", icc_profile=WIDE), within=1)
    add("ink.tif", saved(image.convert("CMYK"), "TIFF"), within=1)
    add("big.tif", saved(image, "TIFF", big_tiff=True), values)
    add("pages.tif", saved(image, "TIFF", save_all=True, append_images=[ImageOps.invert(image)]), values, warns=True)
    add("jpeg.tif", saved(base(24, 16), "TIFF", compression="jpeg", quality=95), within=3)


def make():
    FOLDER.mkdir(exist_ok=True)
    for subject in (pngs, jpegs, webps, gifs, tiffs):
        subject()
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    (FOLDER / "expected.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    make()
