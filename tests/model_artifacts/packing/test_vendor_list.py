"""vendor.toml says for all images, and for each, which packages are not included."""

from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.vendor_list import VendorList, read_vendor_list

WHOLE = """\
[image]
numpy = ""
[left-out]
"never imported" = ["Data_Sets"]
["pytorch-1.11".image]
scipy = "1.10.1"
["pytorch-1.11".left-out]
"training" = ["click"]
["huggingface-2.6".left-out]
"the hub" = ["hf-xet"]
"more of it" = ["fsspec"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vendor.toml"


@pytest.mark.parametrize(
    ("name", "image", "left_out"),
    [
        ("pytorch-1.11", {"numpy": "", "scipy": "1.10.1"}, {"data-sets", "click"}),
        ("pytorch-2.6", {"numpy": ""}, {"data-sets"}),
        ("huggingface-2.6", {"numpy": ""}, {"data-sets", "hf-xet", "fsspec"}),
    ],
)
def test_an_image_s_tables_add_to_those_for_all(
    path: Path, name: str, image: dict[str, str], left_out: set[str]
) -> None:
    path.write_text(WHOLE, encoding="utf-8")
    assert read_vendor_list(path, IMAGES[name]) == VendorList(image, frozenset(left_out))


def test_without_a_file_there_is_nothing_to_leave_out(path: Path) -> None:
    assert read_vendor_list(path, IMAGES["pytorch-2.6"]) == VendorList({}, frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "[images]\n",
        '["pytorch-9.9".left-out]\n"x" = ["y"]\n',
        '["pytorch-2.6".wrong]\n',
        '"pytorch-2.6" = 1\n',
        "image = 1\n",
        "[image]\ntorch = 1\n",
        '["huggingface-2.6".left-out]\n"x" = "y"\n',
    ],
)
def test_other_contents_are_rejected_with_what_may_be_there(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArchiveError) as caught:
        read_vendor_list(path, IMAGES["pytorch-2.6"])
    assert str(caught.value) == (
        f'{path} may contain only two tables, [image] with name = "version" (or ""), and [left-out] with "reason" = '
        '[names]; for one image, they are ["pytorch-2.6".image] and ["pytorch-2.6".left-out].'
    )


def test_a_version_of_an_image_s_package_has_to_be_the_image_s(path: Path) -> None:
    path.write_text('[image]\ntorch = "1.11.0"\nnumpy = "1.22"\n', encoding="utf-8")
    assert read_vendor_list(path, IMAGES["pytorch-1.11"]).image == {"torch": "1.11.0", "numpy": "1.22"}
    with pytest.raises(ArchiveError) as caught:
        read_vendor_list(path, IMAGES["pytorch-2.6"])
    assert str(caught.value) == (
        f"{path} has torch 1.11.0 in [image], and the image pytorch-2.6 brings torch 2.6.0; remove torch from the "
        "file: what an image brings of its own is known."
    )
