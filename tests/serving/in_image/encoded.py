"""Pictures of known samples, encoded by hand: PNG and TIFF in depths and layouts that Pillow itself does not write."""

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of PNG
WHITE_IS_ZERO, BLACK_IS_ZERO, TRUE_COLOUR, INDEXED, SEPARATED = 0, 1, 2, 3, 5  # photometric interpretations of TIFF
UNSIGNED, SIGNED, FLOATING = 1, 2, 3  # sample formats of TIFF
_BYTE, _ASCII, _SHORT, _LONG, _FLOAT = 1, 2, 3, 4, 11
_LETTERS = {_BYTE: "B", _SHORT: "H", _LONG: "I", _FLOAT: "f", 6: "b", 8: "h", 9: "i"}


def packed(samples, bits):
    """Returns rows of samples as bytes, the highest bit first, each row filled up to a whole byte."""
    rows = samples.reshape(samples.shape[0], -1).astype(np.uint64)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    each = (rows[:, :, None] >> places) & np.uint64(1)
    return np.packbits(each.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()


def png(samples, colour, bits, *chunks):
    """Returns a PNG.

    Args:
        samples: Height by width, or by width by channels.
        colour: The colour type.
        bits: In each sample.
        chunks: Further chunks before the data, each a name and its content.
    """
    height, width = samples.shape[:2]
    lines = packed(samples, bits)
    stride = len(lines) // height
    filtered = b"".join(b"\0" + lines[row * stride : (row + 1) * stride] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(filtered)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


class Directory:
    """One directory of a TIFF: a picture's samples and how they are encoded.

    Args:
        samples: Height by width, or by width by channels.
        bits: In each sample.
        photometric: PhotometricInterpretation.
        kind: SampleFormat.
        order: "<" or ">".
        deflated: Whether the strip is compressed.
        planar: Whether each channel has a strip of its own.
        tags: Further tags: a field type and values for each number.
    """

    def __init__(
        self, samples, bits, photometric, *, kind=UNSIGNED, order="<", deflated=False, planar=False, tags=None
    ):
        self.order = order
        channels = 1 if samples.ndim == 2 else samples.shape[2]
        planes = [samples[:, :, index] for index in range(channels)] if planar else [samples]
        self.strips = [self._bytes(plane, bits, kind) for plane in planes]
        if deflated:
            self.strips = [zlib.compress(strip) for strip in self.strips]
        self.tags = {
            256: (_LONG, [samples.shape[1]]),
            257: (_LONG, [samples.shape[0]]),
            258: (_SHORT, [bits] * channels),
            259: (_SHORT, [8 if deflated else 1]),
            262: (_SHORT, [photometric]),
            277: (_SHORT, [channels]),
            278: (_LONG, [samples.shape[0]]),
            284: (_SHORT, [2 if planar else 1]),
            339: (_SHORT, [kind] * channels),
            **(tags or {}),
        }

    def _bytes(self, plane, bits, kind):
        if kind == FLOATING:
            return plane.astype(f"{self.order}f{bits // 8}").tobytes()
        if bits in (16, 32):
            return plane.astype(f"{self.order}{'i' if kind == SIGNED else 'u'}{bits // 8}").tobytes()
        return packed(plane, bits)


def tiff_of(*directories):
    """Returns a TIFF of one or more directories, in the order of their chain."""
    order = directories[0].order
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    link = 4
    for each in directories:
        where = []
        for strip in each.strips:
            where.append(len(out))
            out += strip + b"\0" * (len(strip) % 2)
        tags = {**each.tags, 273: (_LONG, where), 279: (_LONG, [len(strip) for strip in each.strips])}
        entries = b""
        for number, (kind, values) in sorted(tags.items()):
            content = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
            if len(content) > 4:
                place = struct.pack(order + "I", len(out))
                out += content + b"\0" * (len(content) % 2)
                content = place
            entries += struct.pack(order + "HHI", number, kind, len(values)) + content.ljust(4, b"\0")
        struct.pack_into(order + "I", out, link, len(out))
        out += struct.pack(order + "H", len(tags)) + entries
        link = len(out)
        out += bytes(4)
    return bytes(out)
