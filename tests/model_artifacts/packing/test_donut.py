"""The weights and the configuration are checked where the code is this project's; other code may load anything."""

import json
import re
from pathlib import Path

import pytest

from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import list_members
from tests.stacks.templates import write_artifacts


@pytest.fixture
def donut(tmp_path: Path) -> Path:
    """A folder whose code loads a Donut."""
    folder = write_artifacts(tmp_path / "artifacts")
    write(folder / "code" / "donut_loading.py", "")
    write(folder / "my_model" / "config.json", "{}")
    (folder / "my_model" / "model.pth").write_bytes(b"PK\x03\x04and so on")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def names(folder: Path) -> list[str]:
    return [each.name for each in list_members(folder)]


def rejection(folder: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        list_members(folder)
    return str(caught.value)


def test_a_donut_saved_by_torch_may_have_either_name(donut: Path) -> None:
    weights = donut / "my_model" / "model.pth"
    assert "my_model/model.pth" in names(donut)
    weights.rename(weights.with_name("pytorch_model.bin"))
    assert "my_model/pytorch_model.bin" in names(donut)


def test_a_donut_without_weights_is_rejected_and_another_model_is_not(donut: Path) -> None:
    (donut / "my_model" / "model.pth").rename(donut / "my_model" / "model.onnx")
    assert rejection(donut) == (
        f"{donut}/my_model has no Donut's weights; put model.pth there, or a save_pretrained folder's "
        "pytorch_model.bin or model.safetensors."
    )
    (donut / "code" / "donut_loading.py").unlink()
    assert "my_model/model.onnx" in names(donut)


def test_a_donut_that_torch_did_not_save_is_rejected(donut: Path) -> None:
    (donut / "my_model" / "model.pth").write_bytes(b"\x89HDF and so on")
    assert rejection(donut) == (
        f"{donut}/my_model/model.pth was not written by torch.save; save model.state_dict() with it."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "is missing"), ("{", "is not JSON \\(.*\\)"), ("[]", "is not a JSON object")],
    ids=["missing", "not JSON", "not an object"],
)
def test_a_donut_without_its_configuration_is_rejected(donut: Path, text: str | None, reason: str) -> None:
    configuration = donut / "my_model" / "config.json"
    if text is None:
        configuration.unlink()
    else:
        write(configuration, text)
    advice = "; put the model's configuration there, from its training."
    assert re.fullmatch(re.escape(str(configuration)) + f" {reason}{advice}", rejection(donut))


def test_a_checkpoint_in_safetensors_is_taken(donut: Path) -> None:
    (donut / "my_model" / "model.pth").unlink()
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (donut / "my_model" / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    write(donut / "my_model" / "config.json", '{"model_type": "vision-encoder-decoder"}')
    assert "my_model/model.safetensors" in names(donut)
    write(donut / "my_model" / "model.safetensors", "PK not safetensors")
    assert "model.safetensors is not a safetensors file; write it with save_pretrained." in rejection(donut)


@pytest.mark.parametrize("stem", ["model.safetensors", "pytorch_model.bin"])
def test_a_checkpoint_in_shards_is_taken_if_all_are_there(donut: Path, stem: str) -> None:
    (donut / "my_model" / "model.pth").unlink()
    shards = {"a": "part-1.bin", "b": "part-2.bin", "c": "part-1.bin"}
    write(donut / "my_model" / f"{stem}.index.json", json.dumps({"metadata": {}, "weight_map": shards}))
    write(donut / "my_model" / "part-1.bin", "x")
    assert rejection(donut) == f"{donut}/my_model/part-2.bin is missing, which {stem}.index.json names; copy it there."
    write(donut / "my_model" / "part-2.bin", "x")
    assert f"my_model/{stem}.index.json" in names(donut)
