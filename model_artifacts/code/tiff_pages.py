"""Finds the pages of a TIFF, and says what the samples of a page are.

A TIFF is a chain of directories, and not each is a page: scanners, map programs and microscopes add reduced copies and
transparency masks (NewSubfileType, TIFF 6.0 page 36; SubfileType before it, page 40). Pillow counts them all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Mapping

# Directories are followed up to this number.
MOST_DIRECTORIES = 10_000
NEW_SUBFILE_TYPE, SUBFILE_TYPE, SUB_DIRECTORIES = 254, 255, 330
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, PLANAR, SAMPLE_FORMAT = 258, 259, 262, 277, 284, 339
UNSIGNED, SIGNED, FLOATING = 1, 2, 3
_BYTE = 8
_BIG = 43  # the version of BigTIFF
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
_TAGS = frozenset(
    {
        NEW_SUBFILE_TYPE,
        SUBFILE_TYPE,
        SUB_DIRECTORIES,
        BITS_PER_SAMPLE,
        COMPRESSION,
        PHOTOMETRIC,
        SAMPLES_PER_PIXEL,
        PLANAR,
        SAMPLE_FORMAT,
    }
)
# The letters of struct for the types of whole numbers; 13, 16 and 18 are offsets.
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_VALUES = 64
_KINDS = {UNSIGNED: "unsigned", SIGNED: "signed", FLOATING: "floating point"}
_UNCOMPRESSED, _SEPARATE = 1, 2
# None, the three of fax, LZW, JPEG old and new, Deflate old and new, PackBits, LZMA, Zstandard and WebP.
_DECODED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001})
_USUAL_BITS = ((1,), (4,), (8,), (8, 8, 8), (8, 8, 8, 8))


@dataclass(frozen=True)
class Directory:
    """A directory: the values of those tags that tell its kind."""

    tags: Mapping[int, tuple[int, ...]]

    def value(self, tag: int, default: int) -> int:
        """Returns the first value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def is_page(self) -> bool:
        """Whether it is a picture of its own: neither a reduced copy nor a mask."""
        is_part = self.value(NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)
        return not is_part and self.value(SUBFILE_TYPE, 0) != _OLD_REDUCED

    @property
    def samples(self) -> str:
        """What a pixel is and how it is stored, in words."""
        kind = self.value(SAMPLE_FORMAT, UNSIGNED)
        bits = "/".join(str(bits) for bits in sorted(set(self.tags.get(BITS_PER_SAMPLE, (1,)))))
        compression = self.value(COMPRESSION, _UNCOMPRESSED)
        stored = "" if compression in _DECODED else f", in compression {compression}"
        return f"{self.value(SAMPLES_PER_PIXEL, 1)} x {bits} bits, {_KINDS.get(kind, f'of the kind {kind}')}{stored}"

    @property
    def is_misread(self) -> bool:
        """Whether Pillow opens it and returns other pixels: eight signed bits, or 16 bits in uncompressed planes."""
        deepest = max(self.tags.get(BITS_PER_SAMPLE, (1,)))
        if deepest <= _BYTE:
            return self.value(SAMPLE_FORMAT, UNSIGNED) not in (UNSIGNED, 4)
        in_planes = self.value(PLANAR, 1) == _SEPARATE and self.value(SAMPLES_PER_PIXEL, 1) > 1
        return in_planes and self.value(COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED

    @property
    def is_unusual(self) -> bool:
        """Whether its samples or their compression are a reason why Pillow would not open it."""
        return (
            self.tags.get(BITS_PER_SAMPLE, (1,)) not in _USUAL_BITS
            or self.value(SAMPLE_FORMAT, UNSIGNED) != UNSIGNED
            or self.value(COMPRESSION, _UNCOMPRESSED) not in _DECODED
        )


def directories(body: bytes) -> list[Directory]:
    """Returns the chain of directories of a TIFF or BigTIFF, up to where it breaks off, ends or repeats."""
    found: list[Directory] = []
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(body[:2])]
        is_big = struct.unpack_from(order + "H", body, 2)[0] == _BIG
        place = struct.unpack_from(order + ("Q" if is_big else "I"), body, 8 if is_big else 4)[0]
        seen: set[int] = set()
        while place and place not in seen and len(found) < MOST_DIRECTORIES:
            seen.add(place)
            directory, place = _directory(body, place, order, is_big=is_big)
            found.append(directory)
    except (KeyError, struct.error, OverflowError):
        pass
    return found


def _directory(body: bytes, place: int, order: str, *, is_big: bool) -> tuple[Directory, int]:
    """Returns the directory at a place, and the place of the next; 0 after the last."""
    counter, entry, inside = ("Q", "HHQ8s", 8) if is_big else ("H", "HHI4s", 4)
    entries = struct.unpack_from(order + counter, body, place)[0]
    place += struct.calcsize(order + counter)
    size = struct.calcsize(order + entry)
    end = place + entries * size
    link = struct.unpack_from(order + ("Q" if is_big else "I"), body, end)[0]
    tags = {}
    for start in range(place, end, size):
        tag, kind, count, content = struct.unpack_from(order + entry, body, start)
        if tag in _TAGS and kind in _LETTERS and 0 < count <= _MOST_VALUES:
            form = f"{order}{count}{_LETTERS[kind]}"
            if struct.calcsize(form) > inside:
                tags[tag] = struct.unpack_from(form, body, struct.unpack(order + ("Q" if is_big else "I"), content)[0])
            else:
                tags[tag] = struct.unpack_from(form, content)
    return Directory(tags), link


def is_raw_photograph(chain: list[Directory]) -> bool:
    """Whether a TIFF has a thumbnail and, in a directory below it, a photograph as the camera took it (DNG, NEF)."""
    return bool(chain) and SUB_DIRECTORIES in chain[0].tags and not any(each.is_page for each in chain)


def page_indices(chain: list[Directory]) -> list[int]:
    """Returns the places in the chain of the directories that are pages; the first one if none says that it is."""
    return [index for index, directory in enumerate(chain) if directory.is_page] or [0]
