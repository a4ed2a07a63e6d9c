"""Names the layouts of BMP and JPEG that Pillow misreads or does not read; tiff_pages does so for TIFF."""

from __future__ import annotations

import struct

# BITMAPINFOHEADER (Windows GDI): where the bits of a pixel and the compression are.
_BMP_HEADER_SIZE, _BMP_BITS, _BMP_COMPRESSION = 14, 28, 30
_BMP_OLD_HEADER = 12
_RUN_LENGTHS = (1, 2)
_BYTE = 8
_MARKER = 0xFF
# Start of frame: every 0xC0 to 0xCF but the tables DHT (C4), JPG (C8) and DAC (CC) (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAME_NAMES = {0xC3: "lossless", 0xC9: "with arithmetic coding", 0xCA: "with arithmetic coding"}


def misread(body: bytes) -> str | None:
    """Returns what an image is that Pillow opens and returns other pixels of; None for all others.

    Pillow misplaces the runs of a BMP of 4 bits up to 12.2, and fills its gaps wrongly.
    """
    if _bmp(body) in {(bits, compression) for bits in (4, _BYTE) for compression in _RUN_LENGTHS}:
        return "The BMP image is run-length encoded"
    return None


def unread(body: bytes) -> str | None:
    """Returns what an image is that Pillow did not open; None where nothing about it is unusual."""
    bits, compression = _bmp(body)
    if bits and (compression or bits == 2 * _BYTE):
        return f"The BMP image has {bits} bits a pixel in a layout (compression {compression})"
    frame, precision = _jpeg_frame(body)
    if frame and precision != _BYTE:
        return f"The JPEG image has {precision} bits a sample"
    if frame in _FRAME_NAMES:
        return f"The JPEG image is {_FRAME_NAMES[frame]}"
    return None


def _bmp(body: bytes) -> tuple[int, int]:
    """Returns the bits of a pixel and the compression; 0 and 0 for another file."""
    if bytes(body[:2]) != b"BM" or len(body) < _BMP_COMPRESSION + 4:
        return 0, 0
    if struct.unpack_from("<I", body, _BMP_HEADER_SIZE)[0] == _BMP_OLD_HEADER:
        return 0, 0
    return struct.unpack_from("<H", body, _BMP_BITS)[0], struct.unpack_from("<I", body, _BMP_COMPRESSION)[0]


def _jpeg_frame(body: bytes) -> tuple[int, int]:
    """Returns the kind of a JPEG's frame and its bits in a sample; 0 and 0 where there is none."""
    place = 2
    while bytes(body[:2]) == b"\xff\xd8" and place + 5 <= len(body) and body[place] == _MARKER:
        marker = body[place + 1]
        if marker in _FRAMES:
            return marker, body[place + 4]
        place += 2 + int.from_bytes(body[place + 2 : place + 4], "big")
    return 0, 0
