"""An archive says for which image it is packed, in a file that its first bytes hold."""

import io
import json
import os
import tarfile
from dataclasses import replace

import pytest

from async_endpoint.protocol.packed_for import HEAD_BYTES, PACKED_FOR, PackedFor, PackedForError
from async_endpoint.protocol.serving_images import IMAGES

OURS = PackedFor.from_image(IMAGES["pytorch-2.6"])


def archive_of(*files: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_written_is_read(name: str) -> None:
    packed = PackedFor.from_image(IMAGES[name])
    assert PackedFor.from_json(packed.to_json()) == packed
    assert packed.image == name


def test_the_first_bytes_of_a_large_archive_are_enough() -> None:
    archive = archive_of((PACKED_FOR, OURS.to_json()), ("my_model/model.pth", os.urandom(3_000_000)))
    assert PackedFor.from_archive(io.BytesIO(archive[:HEAD_BYTES])) == OURS
    assert PackedFor.from_archive(io.BytesIO(archive)) == OURS


def test_an_archive_that_says_nothing_is_for_an_unknown_image() -> None:
    large = ("code/weights.bin", os.urandom(3_000_000))
    for archive in (archive_of(large), archive_of(), archive_of(("a", b""), (PACKED_FOR, OURS.to_json()))):
        assert PackedFor.from_archive(io.BytesIO(archive[:HEAD_BYTES])) is None


@pytest.mark.parametrize(
    "content", [b"", b"not JSON", b"[]", b"{}", b'{"image": 1, "python": 2, "packages": 3}', b"\xff"]
)
def test_a_file_of_that_name_that_says_something_else_is_an_error(content: bytes) -> None:
    with pytest.raises(PackedForError, match="does not say for which image"):
        PackedFor.from_archive(io.BytesIO(archive_of((PACKED_FOR, content))))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", os.urandom(70_000)])
def test_what_is_not_a_gzipped_tar_file_is_an_error(content: bytes) -> None:
    with pytest.raises(PackedForError, match="not a gzipped tar file"):
        PackedFor.from_archive(io.BytesIO(content))


def test_an_archive_fits_images_with_its_python_and_its_packages() -> None:
    fitting = {
        name: [other for other in IMAGES if PackedFor.from_image(IMAGES[name]).fits(IMAGES[other])] for name in IMAGES
    }
    assert fitting == {
        "pytorch-1.11": ["pytorch-1.11"],
        "pytorch-2.6": ["pytorch-2.6", "huggingface-2.6"],  # which has transformers, too
        "huggingface-2.6": ["huggingface-2.6"],
    }
    assert not replace(OURS, packages={**OURS.packages, "torch": "2.7.0"}).fits(IMAGES["pytorch-2.6"])


def test_members_of_a_later_version_are_no_obstacle() -> None:
    content = json.dumps({**json.loads(OURS.to_json()), "more": 1}).encode()
    assert PackedFor.from_json(content) == OURS
