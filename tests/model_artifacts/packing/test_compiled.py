"""A compiled module in the code is for the image's Python, or for every one."""

from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts.packing.compiled import check
from model_artifacts.packing.errors import ArchiveError


def files(*names: str) -> dict[str, Path]:
    return {name: Path("FOLDER", name) for name in names}


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize(
    "names",
    [
        ["code/fast/_core.abi3.so"],
        ["code/fast/_core.so"],
        ["code/lib/libfast.so", "code/lib/libfast.so.1"],
        ["code/_core.cpython-38-x86_64-linux-gnu.so", "code/_core.cpython-312-x86_64-linux-gnu.so"],
        ["code/_core.cpython-36m-x86_64-linux-gnu.so", "code/_core.abi3.so"],
        ["code/_core.py", "my_model/model.pth"],
    ],
)
def test_what_the_image_s_python_can_import_is_taken(image: object, names: list[str]) -> None:
    check(files(*names), image)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "minor"),
    [("code/vendor/_core.cpython-38-x86_64-linux-gnu.so", 8), ("code/_core.cpython-311-x86_64-linux-gnu.so", 11)],
)
def test_a_module_for_another_python_alone_is_rejected(name: str, minor: int) -> None:
    with pytest.raises(ArchiveError) as caught:
        check(files("code/inference.py", name), IMAGES["pytorch-2.6"])
    assert str(caught.value) == (
        f"FOLDER/{name} is compiled for Python 3.{minor}, and the image pytorch-2.6 has Python 3.12; put the file for "
        "that Python there, too, or name the package in code/requirements.txt."
    )


def test_another_module_s_file_for_the_image_s_python_does_not_help() -> None:
    with pytest.raises(ArchiveError, match=r"one\.cpython-312"):
        check(files("code/one.cpython-312-x86_64-linux-gnu.so", "code/two.cpython-38-x.so"), IMAGES["pytorch-1.11"])
