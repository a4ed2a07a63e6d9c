"""Puts the packages that came with the archive first on the import path; imported before anything of theirs.

`vendor/` beside this file holds them, all but what the image brings. Without it (they were installed by pip) nothing
happens. The archive says for which image it was packed: in a container of another one, the packages would fail with an
import error that says nothing of the reason, so this module fails first.
"""

import json
import sys
from importlib import metadata
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "vendor"
# At the top of the archive, one folder above this file or beside it.
PLACES = [folder / "packed_for.json" for folder in (FOLDER.parent.parent, FOLDER.parent)]


class WrongImageError(ImportError):
    """The archive was packed for another image than the container's."""


def check_image() -> None:
    """Compares the container with the image that the archive was packed for.

    The container fits if its Python and its torch are of the same minor version, and if it has all packages that the
    archive leaves to the image. An archive that does not name an image is not checked.

    Raises:
        WrongImageError: The container does not fit.
    """
    place = next((path for path in PLACES if path.is_file()), None)
    if place is None:
        return
    packed = json.loads(place.read_text(encoding="utf-8"))
    wanted = packed["packages"]
    found = {name: _installed(name) for name in wanted}
    python = ".".join(map(str, sys.version_info[:2]))
    if python == packed["python"] and all(found.values()) and _minor(found["torch"]) == _minor(wanted["torch"]):
        return
    raise WrongImageError(
        "This archive is packed for the image {} (Python {}, {}), and this container has Python {} and {}: pack it "
        "for the endpoint's image with async-endpoint model pack --image NAME, or set endpoint.image to {}.".format(
            packed["image"], packed["python"], _listed(wanted), python, _listed(found), packed["image"]
        )
    )


def _installed(name: str) -> str:
    """Returns the version of a package; an empty text if it is not installed."""
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _minor(version: str) -> "list[str]":
    return version.split("+", maxsplit=1)[0].split(".")[:2]


def _listed(packages: "dict[str, str]") -> str:
    return ", ".join(f"{name} {version}" if version else f"no {name}" for name, version in sorted(packages.items()))


check_image()
if FOLDER.is_dir() and str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
