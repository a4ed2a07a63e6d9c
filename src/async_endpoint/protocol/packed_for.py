"""For which image an archive is packed: a file in the archive says so, the first one. Standard library only.

`code/vendored.py` reads the file in the container, without this package.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.protocol.serving_images import ServingImage

PACKED_FOR: Final = "packed_for.json"
# The file is the first of the archive: a tar header and a block of text, compressed.
HEAD_BYTES: Final = 64 * 1024


class PackedForError(ValueError):
    """A file that does not say for which image an archive is packed."""


@dataclass(frozen=True)
class PackedFor:
    """What an archive needs of its image.

    Attributes:
        image: The image's name.
        python: The version of its Python, such as "3.8".
        packages: The versions of its packages, by name.
    """

    image: str
    python: str
    packages: Mapping[str, str]

    @classmethod
    def from_image(cls, image: ServingImage) -> Self:
        """Returns what an archive for an image needs."""
        return cls(image.name, image.python, image.packages)

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Parses the file.

        Raises:
            PackedForError: The file is not one of ours.
        """
        try:
            found = json.loads(content)
            packages = {str(name): str(version) for name, version in found["packages"].items()}
            return cls(str(found["image"]), str(found["python"]), packages)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PackedForError(f"{PACKED_FOR} does not say for which image the archive is packed.") from error

    @classmethod
    def from_archive(cls, head: IO[bytes]) -> Self | None:
        """Reads the first file of a model.tar.gz, of which the first 64 KB are enough.

        Returns:
            None for an archive that does not begin with the file: one that was not packed here, or before there was
            a choice of images.

        Raises:
            PackedForError: The file is there, but not one of ours; or this is not a model.tar.gz.
        """
        try:
            with tarfile.open(fileobj=head, mode="r|gz") as archive:
                first = archive.next()
                content = archive.extractfile(first) if first is not None and first.name == PACKED_FOR else None
                return cls.from_json(content.read()) if content is not None else None
        except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
            raise PackedForError(f"The archive is not a gzipped tar file: {error}.") from error

    def to_json(self) -> bytes:
        """Returns the file's content."""
        found = {"image": self.image, "packages": dict(self.packages), "python": self.python}
        return f"{json.dumps(found, indent=1, sort_keys=True)}\n".encode()

    def fits(self, image: ServingImage) -> bool:
        """Whether an image has the Python and the packages that the archive needs."""
        return self.python == image.python and all(
            image.packages.get(name) == version for name, version in self.packages.items()
        )
