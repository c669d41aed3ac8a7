"""Encoded pictures, whole and spoilt, for the tests of what a server is sent."""

import io
import pathlib
import struct
import zlib

import numpy as np
import skimage
from PIL import Image

PHOTOGRAPH = pathlib.Path(skimage.__file__).parent / "data" / "astronaut.png"


def photograph(mode="RGB", size=(48, 36)):
    return Image.open(PHOTOGRAPH).convert("RGB").resize(size).convert(mode)


def encoded(kind, image=None, **options):
    file = io.BytesIO()
    (image or photograph()).save(file, kind, **options)
    return file.getvalue()


def png16():
    values = (np.asarray(photograph("L"), np.uint16) * 257).astype(np.uint16)
    return encoded("PNG", Image.fromarray(values))


def whole():
    """`{name: bytes}` of pictures that can be read; all are 48 x 36 pixels but where named."""
    frames = [photograph().rotate(90 * i) for i in range(1, 4)]
    return {
        "jpeg": encoded("JPEG", quality=90),
        "progressive": encoded("JPEG", progressive=True),
        "grey jpeg": encoded("JPEG", photograph("L")),
        "cmyk jpeg": encoded("JPEG", photograph("CMYK")),
        "png": encoded("PNG"),
        "palette png": encoded("PNG", photograph("P")),
        "png with alpha": encoded("PNG", photograph("RGBA")),
        "16-bit png": png16(),
        "gif": encoded("GIF"),
        "animated gif": encoded("GIF", save_all=True, append_images=frames),
        "bmp": encoded("BMP"),
        "palette bmp": encoded("BMP", photograph("P")),
        "grey bmp": encoded("BMP", photograph("L")),
        "lossy webp": encoded("WEBP"),
        "lossless webp": encoded("WEBP", lossless=True),
        "1x1": encoded("PNG", photograph(size=(1, 1))),
        "1x10000": encoded("PNG", Image.new("RGB", (1, 10000), (9, 99, 200))),
        "10000x1": encoded("JPEG", Image.new("RGB", (10000, 1), (9, 99, 200))),
    }


# 100 x 100 pixels of one colour as JPEG XL, which TensorFlow's decoder knows.
JPEG_XL = bytes.fromhex(
    "ff0a1813100908020100b4024b189b9c71840338800338204ac0390501002044800810012240e4ff"
    "917bfa1e5a675755555525499210507777777777ffffffbf556f66666686e7bfbfe7ff0b1a6baeb5"
    "f63ef746444444105066666666665655d57def77777777c3fffbf7fcf7d09873ceb5f6b937499284"
    "80aaaaaaaaaaeaffffffb9f775777777c3fffbf7fcf7d09873ceb5f6b93749928480aaaaaaaaaaea"
    "ffffffb9f7757777775f20040017f2e0f3980a0080ff17df00"
)


def png_bomb(side=10_000):
    """A few KB that decode to `3 * side * side` bytes."""

    def chunk(name, data):
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    packer, rows = zlib.compressobj(9), b""
    for _ in range(side):
        rows += packer.compress(bytes(1 + (side + 7) // 8))
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows += packer.flush()
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def gif_bomb(side=10_000):
    return encoded("GIF", Image.new("P", (side, side)))


def many_frames(side=4000, frames=40):
    """A GIF whose frames are 0.6 GB together, and its first one 16 MB."""
    content = encoded("GIF", Image.new("P", (side, side)))
    start = 13 + 3 * 2 ** (content[10] % 8 + 1)
    return content[:start] + content[start:-1] * frames + b";"


def turned_cmyk(side):
    """A progressive JPEG of four colours that a camera marked as turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.merge("CMYK", [Image.linear_gradient("L").resize((side, side))] * 4)
    return encoded("JPEG", image, progressive=True, exif=exif.tobytes())


def bombs():
    webp = bytearray(encoded("WEBP", lossless=True))
    webp[21:25] = b"\xff\xff\xff\x0f"  # 16384 x 16384
    bmp = bytearray(encoded("BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, -60_000)
    late = png_bomb()
    return {
        "png": late,
        "png of other first chunk": late[:8] + struct.pack(">I", 0) + b"tEXt" + bytes(4) + late[8:],
        "gif": gif_bomb(),
        "jpeg": encoded("JPEG", Image.new("L", (9000, 9000))),
        "webp": bytes(webp),
        "bmp": bytes(bmp),
    }


def mutated(count, seed=0):
    """`count` spoilt files: bytes changed, cut out, repeated; headers of one, bodies of another."""
    generator = np.random.default_rng(seed)
    sources = list(whole().values())
    for i in range(count):
        data = bytearray(sources[i % len(sources)])
        how = i // len(sources) % 5
        at = int(generator.integers(0, len(data)))
        if how == 0:  # a few bytes anywhere
            for place in generator.integers(0, len(data), 8):
                data[place] = int(generator.integers(0, 256))
        elif how == 1:  # in the header
            for place in generator.integers(2, min(64, len(data)), 3):
                data[place] = int(generator.integers(0, 256))
        elif how == 2:
            del data[at : at + int(generator.integers(1, 200))]
        elif how == 3:
            data[at:at] = data[at // 2 : at]
        else:
            other = sources[int(generator.integers(0, len(sources)))]
            data = data[: int(generator.integers(3, 40))] + other[at % len(other) :]
        yield bytes(data)
