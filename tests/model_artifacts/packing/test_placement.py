"""Code and weights in a place where the container does not look are named, with the move to make."""

import zipfile
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, ImageName
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import list_members, read_contents

CODE = "def model_fn(model_dir): ...\n"


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/constants.pkl", b"\x80\x02.")


def rejection(folder: Path, image: ImageName = DEFAULT_IMAGE) -> str:
    with pytest.raises(ArchiveError) as caught:
        list_members(folder, image=image)
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    ("place", "move"),
    [
        ("Inference.py", "move it to code/inference.py"),
        ("Code/inference.py", "rename it to code/inference.py"),
        ("code/Inference.py", "rename it to code/inference.py"),
        ("CODE/INFERENCE.PY", "rename it to code/inference.py"),
        ("model/code/inference.py", "move model/code/ up to code/, or use --folder FOLDER/model"),
        ("a/b/code/inference.py", "move a/b/code/ up to code/, or use --folder FOLDER/a/b"),
        ("model/Code/inference.py", "rename it to model/code/inference.py"),
        ("code/src/inference.py", "move it to code/inference.py, with the modules beside it"),
        ("src/inference.py", "move it to code/inference.py, with the modules beside it"),
        ("my_model/inference.py", "move it to code/inference.py, with the modules beside it"),
    ],
)
def test_code_in_another_place_is_named_with_its_move(tmp_path: Path, place: str, move: str) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / place, CODE)
    assert rejection(tmp_path) == f"FOLDER/{place} is not where the container looks; {move}."


def test_code_in_another_place_is_no_folder_without_code(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "model.pt")
    write(tmp_path / "src" / "inference.py", CODE)
    assert rejection(tmp_path) == (
        "FOLDER/src/inference.py is not where the container looks; move it to code/inference.py, with the modules "
        "beside it."
    )


def note(place: str, wanted: str = "code/inference.py") -> str:
    return f"Note: the container finds {place}, but SageMaker's documentation names {wanted}."


def test_code_at_the_top_is_packed_with_the_modules_beside_it_and_a_note(tmp_path: Path) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / "inference.py", f"import helper\n{CODE}")
    write(tmp_path / "helper.py", "x = 1")
    write(tmp_path / "notes.md")
    contents = read_contents(tmp_path)
    assert [each.name for each in contents.members] == ["helper.py", "inference.py", "my_model/weights.json"]
    assert contents.notes == (note("inference.py"), "Left out: notes.md.")
    write(tmp_path / "helper.py", "match x:\n    case 1: pass")
    sentence = "FOLDER/helper.py, line 1, is not valid Python 3.8, which the image pytorch-1.11 runs: "
    assert rejection(tmp_path).startswith(sentence)


def test_code_at_the_top_is_left_out_beside_a_code_folder_that_has_it(tmp_path: Path) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / "inference.py", CODE)
    write(tmp_path / "code" / "inference.py", CODE)
    assert read_contents(tmp_path).notes == ("Left out: inference.py.",)


def test_a_package_named_inference_is_the_code(tmp_path: Path) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / "code" / "inference" / "__init__.py", CODE)
    assert read_contents(tmp_path).notes == (note("code/inference/__init__.py"),)
    write(tmp_path / "code" / "inference" / "__init__.py", "x = 1")
    assert "FOLDER/code/inference/__init__.py does not define model_fn" in rejection(tmp_path)


def test_another_program_is_named_with_both_ways_to_run_it(tmp_path: Path) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / "code" / "helpers.py", "x = 1")
    write(tmp_path / "code" / "serve.py", CODE)
    assert rejection(tmp_path) == (
        "FOLDER/code/inference.py is missing, and code/serve.py has the functions; rename it to code/inference.py, or "
        'set SAGEMAKER_PROGRAM = "serve.py" in [model.environment].'
    )
    names = [each.name for each in list_members(tmp_path, program="serve.py")]
    assert names == ["code/helpers.py", "code/serve.py", "my_model/weights.json"]
    assert read_contents(tmp_path, program="serve.py").notes == ()


def test_another_program_is_checked_as_inference_py_is(tmp_path: Path) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / "code" / "inference.py", CODE)
    write(tmp_path / "code" / "serve.py", "x = 1")
    for program, said in (("serve.py", "code/serve.py does not define"), ("run.py", "code/run.py is missing")):
        with pytest.raises(ArchiveError, match=said):
            list_members(tmp_path, program=program)


def test_torchscript_alone_in_the_folder_of_the_model_is_named_with_its_move(tmp_path: Path) -> None:
    (tmp_path / "my_model").mkdir()
    write_torchscript(tmp_path / "my_model" / "model.pt")
    assert rejection(tmp_path) == (
        "FOLDER/code/inference.py is missing: write it, or move my_model/model.pt to the top of the folder if "
        "torch.jit.save wrote it."
    )


@pytest.mark.parametrize("place", [".git/inference.py", "venv/lib/inference.py", "site-packages/x/inference.py"])
def test_environments_are_not_searched(tmp_path: Path, place: str) -> None:
    write(tmp_path / "my_model" / "weights.json")
    write(tmp_path / place, CODE)
    assert rejection(tmp_path) == "FOLDER/code/inference.py is missing; it is the code that the endpoint runs."


@pytest.mark.parametrize("names", [["model.pt"], ["scripted.pth"], ["model.pt", "other.pth"]])
def test_torchscript_at_the_top_needs_no_code(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        write_torchscript(tmp_path / name)
    assert [each.name for each in list_members(tmp_path)] == names
    assert read_contents(tmp_path).notes == ()


def test_torchscript_may_have_requirements_and_modules_beside_it_in_code(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "model.pt")
    write(tmp_path / "code" / "helpers.py", "x = 1")
    assert [each.name for each in list_members(tmp_path)] == ["code/helpers.py", "model.pt"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a.pt", "b.pth"], "there are several (a.pt, b.pth), and none is named model.pt"),
        (["state.pth"], "state.pth was not written by torch.jit.save"),
    ],
)
def test_weights_at_the_top_that_the_toolkit_cannot_load_need_code(
    tmp_path: Path, names: list[str], reason: str
) -> None:
    for name in names:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("archive/data.pkl", b"")
    assert rejection(tmp_path) == (
        "FOLDER/code/inference.py is missing, and without code the toolkit loads one TorchScript file from the top of "
        f"the archive: {reason}."
    )


@pytest.mark.parametrize("place", ["weights/best.pt", "checkpoints/last/model.safetensors", "model/model.pth"])
def test_weights_in_another_place_are_named_with_their_move(tmp_path: Path, place: str) -> None:
    write(tmp_path / "code" / "inference.py", CODE)
    write(tmp_path / place)
    assert rejection(tmp_path) == (
        f"FOLDER/{place} is not packed; move it into my_model/, to the top of FOLDER or into code/, and have "
        "model_fn read it from there."
    )


def test_weights_in_another_place_are_left_out_where_there_are_others(tmp_path: Path) -> None:
    write(tmp_path / "code" / "inference.py", CODE)
    write(tmp_path / "my_model" / "model.onnx")
    write(tmp_path / "checkpoints" / "epoch-3.pt")
    assert [each.name for each in list_members(tmp_path)] == ["code/inference.py", "my_model/model.onnx"]
    assert read_contents(tmp_path).notes == ("Left out: checkpoints/.",)


@pytest.mark.parametrize("name", [None, "README.md", ".gitkeep"])
def test_an_empty_folder_for_the_model_is_rejected(tmp_path: Path, name: str | None) -> None:
    write(tmp_path / "code" / "inference.py", CODE)
    (tmp_path / "my_model").mkdir()
    if name is not None:
        write(tmp_path / "my_model" / name)
    assert rejection(tmp_path) == (
        "FOLDER/my_model has no file to pack; put the model's files there, or remove the folder if the code needs none."
    )


def test_the_hugging_face_image_needs_no_code_for_a_pipeline_at_the_top(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors")
    assert rejection(tmp_path, "huggingface-2.6") == (
        "FOLDER/code/inference.py is missing, and without code the toolkit loads a pipeline of transformers or "
        "diffusers from the top of the archive: there is no config.json or model_index.json."
    )
    write(tmp_path / "config.json", "{}")
    found = list_members(tmp_path, image="huggingface-2.6")
    assert [each.name for each in found] == ["config.json", "model.safetensors"]
    assert (
        rejection(tmp_path, "pytorch-2.6")
        == "FOLDER/code/inference.py is missing; it is the code that the endpoint runs."
    )
