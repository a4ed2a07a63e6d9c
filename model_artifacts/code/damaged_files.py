"""Finds images that a library decodes without a word though part of their data is missing.

libjpeg fills what is missing with grey and only warns, and Pillow does not pass its warnings on: simplejpeg does, by
libjpeg-turbo's TJFLAG_STOPONWARNING. A progressive JPEG that ends after its first scans is not even warned of. Pillow
leaves the rows black that a PNG or an uncompressed TIFF does not have.
"""

from __future__ import annotations

import re
import struct
import zlib
from http import HTTPStatus
from typing import Any

from request_errors import RequestError

_JPEG = b"\xff\xd8\xff"
# Where a marker of a JPEG is: 0xFF before 0 is data, before another 0xFF filling, and the RST are within the data.
_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END = 0xDA, 0xD9
_SHORTEST_SCAN = 8
_END_MARKER = b"\xff\xd9"
_PROGRESSIVE = 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# What libjpeg says of data that ended, or was not what it can be; it says other things of harmless oddities.
_DAMAGE = ("premature end", "bad huffman code", "found marker", "bad arithmetic", "inconsistent progression")
_PNG = b"\x89PNG\r\n\x1a\n"
# The passes of Adam7 (PNG, 8.2): the first column and row, and the steps.
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECE = 2**20
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _PLANAR = 273, 277, 278, 284
_UNCOMPRESSED, _SEPARATE, _SUBSAMPLED = 1, 2, 6


def check_whole(body: bytes, image: Any, where: str = "") -> None:
    """Rejects a damaged or cut image that Pillow would decode.

    Args:
        body: The file.
        image: It, opened by Pillow at the page in question.
        where: Words for the page.

    Raises:
        RequestError: 400.
    """
    if image.format == "TIFF":
        is_damaged = _tiff_is_short(body, image.tag_v2)
    else:
        is_damaged = jpeg_is_damaged(bytes(body)) or _png_is_short(body)
    if is_damaged:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The image{where} is damaged or cut: part of its data is missing. Send it whole."
        )


def jpeg_is_damaged(body: bytes) -> bool:
    """Whether a file is a JPEG of which part is missing or unreadable; False where that cannot be found out."""
    if body[:3] != _JPEG:
        return False
    try:
        if not _has_all_scans(body):
            return True
    except (IndexError, ValueError):  # a header that is cut
        return True
    try:
        import simplejpeg  # on the first JPEG: an instance that sees none starts sooner
    except ImportError:
        return False
    try:
        # Only the end of the file may be missing: all pixels are there.
        simplejpeg.decode_jpeg(body + _END_MARKER, colorspace="GRAY", fastdct=True, strict=True)
    except ValueError as error:
        said = str(error).lower()
        return any(words in said for words in _DAMAGE)
    return False


def _has_all_scans(body: bytes) -> bool:
    """Whether the scans of a progressive JPEG bring all bits of each component (ITU-T T.81, G.1.1.1)."""
    missing: set[tuple[int, int]] = set()
    for marker, place in _segments(body):
        if marker in _FRAMES:
            if marker != _PROGRESSIVE:
                return True
            components = [body[place + 8 + 3 * index] for index in range(body[place + 7])]
            missing = {(component, index) for component in components for index in range(64)}
        elif marker == _START_OF_SCAN:
            count = body[place + 2]
            first, last, bits = body[place + 3 + 2 * count : place + 6 + 2 * count]
            if bits & 15 == 0:
                seen = [body[place + 3 + 2 * index] for index in range(count)]
                missing -= {(component, index) for component in seen for index in range(first, last + 1)}
    return not missing


def _segments(body: bytes) -> Any:
    """Yields the markers of a JPEG's first picture that have a length, each with the place of its length."""
    place = 2
    while True:
        found = _AFTER_DATA.search(body, place)
        if not found or body[found.start() + 1] == _END or found.end() + _SHORTEST_SCAN > len(body):
            return
        marker, place = body[found.start() + 1], found.end()
        yield marker, place
        place += int.from_bytes(body[place : place + 2], "big")


def _png_is_short(body: bytes) -> bool:
    """Whether the data of a PNG is damaged, or does not fill its rows."""
    if bytes(body[:8]) != _PNG:
        return False
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", body, 16)
    missing = 0
    for left, top, across, down in _ADAM7 if interlaced else _WHOLE:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            missing += rows * (1 + -(-columns * bits * _CHANNELS.get(colour, 1) // 8))
    stream = zlib.decompressobj()
    try:
        for piece in _png_data(body):
            rest = piece
            while rest and not stream.eof:
                missing -= len(stream.decompress(rest, _PIECE))
                rest = stream.unconsumed_tail
        while missing > 0 and not stream.eof:
            more = stream.decompress(stream.unconsumed_tail, _PIECE)
            if not more:
                break
            missing -= len(more)
    except zlib.error:
        return True
    return missing > 0


def _png_data(body: bytes) -> Any:
    """Yields the contents of a PNG's chunks of data."""
    view, place = memoryview(body), 8
    while place + 8 <= len(body):
        length, name = struct.unpack_from(">I4s", body, place)
        if name == b"IDAT":
            yield bytes(view[place + 8 : place + 8 + length])
        place += 12 + length


def _tiff_is_short(body: bytes, tags: Any) -> bool:
    """Whether a TIFF has fewer strips than its rows need, or one that is not compressed reaches beyond the file."""
    height, width = tags.get(_HEIGHT, 0), tags.get(_WIDTH, 0)
    offsets = tags.get(_OFFSETS)
    if offsets is None:  # in tiles
        return False
    rows = min(tags.get(_ROWS_PER_STRIP, height) or height, height)
    in_planes = tags.get(_PLANAR, 1) == _SEPARATE
    samples = tags.get(_SAMPLES, 1)
    strips = -(-height // rows)
    if len(offsets) < strips * (samples if in_planes else 1):
        return True
    if tags.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED or tags.get(_PHOTOMETRIC) == _SUBSAMPLED:
        return False
    bits = tags.get(_BITS, (1,))
    stride = -(-width * (bits[0] if in_planes else sum(bits) if len(bits) == samples else bits[0] * samples) // 8)
    for index, offset in enumerate(offsets):
        in_strip = min(rows, height - index % strips * rows)
        if offset + in_strip * stride > len(body):
            return True
    return False
