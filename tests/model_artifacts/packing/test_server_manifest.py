"""Which archives tell Multi Model Server of their handler."""

import json
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts.packing.server_manifest import HANDLER, MANIFEST, manifest_files

CODE = Path(__file__).resolve().parents[3] / "model_artifacts" / "code"
HUGGING_FACE = IMAGES["huggingface-2.6"]


def test_an_archive_with_the_handler_names_it_to_multi_model_server() -> None:
    found = manifest_files({HANDLER: CODE / "multi_model_server.py"}, HUGGING_FACE)
    assert found.keys() == {MANIFEST}
    manifest = json.loads(found[MANIFEST].read_text(encoding="utf-8"))
    module, function = manifest["model"]["handler"].split(":")
    assert f"code/{module}" == HANDLER
    assert f"\ndef {function}(" in (CODE / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("image", ["pytorch-1.11", "pytorch-2.6"])
def test_torchserve_is_told_nothing(image: str) -> None:
    assert manifest_files({HANDLER: CODE / "multi_model_server.py"}, IMAGES[image]) == {}


@pytest.mark.parametrize("packed", ["code/inference.py", MANIFEST])
def test_an_archive_without_the_handler_or_with_a_manifest_of_its_own_gets_none(packed: str) -> None:
    files = {packed: Path()} | ({HANDLER: Path()} if packed == MANIFEST else {})
    assert manifest_files(files, HUGGING_FACE) == {}
