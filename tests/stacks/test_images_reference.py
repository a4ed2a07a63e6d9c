"""docs/images.md says of every image what the tables say; that it is current is tested with the other files."""

import re
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from stacks import images_reference
from stacks.machine_images import MACHINE_IMAGES
from stacks.serving_images import account_of, regions
from tests.stacks.templates import ROOT

PAGE = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for cells in (
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")
    )
}


def test_every_image_has_a_column_with_what_it_holds() -> None:
    for column, image in enumerate(IMAGES.values()):
        assert ROWS["Python"][column] == image.python
        assert ROWS["end of AWS's patches"][column] == (str(image.end_of_patch or "none published"))
        assert image.server_version in ROWS["model server"][column]
        assert ROWS["tag for GPUs"][column] == f"`{image.tags['gpu']}`"
        assert f"Python {image.python}" in ROWS["what the archive brings"][column]
    assert "g4dn" in ROWS["GPUs, by compute capability"][0]
    assert "p5" not in ROWS["GPUs, by compute capability"][0]
    assert "p5en" in ROWS["GPUs, by compute capability"][2]


def test_every_machine_image_and_region_is_listed() -> None:
    assert {name for name in ROWS if "sagemaker-inference-gpu" in name} == {f"`{name}`" for name in MACHINE_IMAGES}
    listed = {
        region: account.strip("`")
        for account, cells in ROWS.items()
        if re.fullmatch(r"`\d{12}`", account)
        for region in cells[0].removesuffix(" |").split(", ")
    }
    assert listed == {region: account_of(region) for region in regions()}


def test_a_place_for_a_table_that_does_not_exist_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "images.md"
    template.write_text("<!-- table: imags -->", encoding="utf-8")
    monkeypatch.setattr(images_reference, "TEMPLATE", template)
    with pytest.raises(KeyError, match="imags"):
        images_reference.render()
