"""What is packed; each rejection is one sentence that says what is wrong, where and what to do."""

import os
import re
from pathlib import Path

import pytest

from model_artifacts.packing import members as packing
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import INCLUDED, INSTALL, Member, list_members
from tests.stacks.templates import ROOT, write_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_artifacts(tmp_path / "artifacts")


@pytest.fixture
def donut(folder: Path) -> Path:
    """A folder whose code loads a Donut."""
    write(folder / "code" / "donut_loading.py", "")
    write(folder / "my_model" / "config.json", "{}")
    (folder / "my_model" / "model.pth").write_bytes(b"PK\x03\x04and so on")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def names(folder: Path, dependencies: str = INCLUDED) -> list[str]:
    return [each.name for each in list_members(folder, dependencies)]


def rejection(folder: Path, dependencies: str = INCLUDED) -> str:
    with pytest.raises(ArchiveError) as caught:
        list_members(folder, dependencies)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_members_are_sorted_by_their_name_in_the_archive(folder: Path) -> None:
    write(folder / "code" / "a.py", "")
    write(folder / "code" / "a" / "b.py", "")
    assert names(folder) == ["code/a.py", "code/a/b.py", "code/inference.py", "my_model/model.pth"]
    assert list_members(folder)[0] == Member("code/a.py", folder / "code" / "a.py")


@pytest.mark.parametrize(
    "name",
    [
        "my_model/README.md",
        "code/ruff.toml",
        "code/vendor.toml",
        "code/.DS_Store",
        "code/.ruff_cache/a",
        "code/inference.pyc",
        "code/__pycache__/inference.cpython.pyc",
        "code/helpers/__pycache__/a.pyc",
        "training/train.py",
        "notes.txt",
    ],
)
def test_caches_hidden_files_and_what_is_for_the_repository_stay_out(folder: Path, name: str) -> None:
    before = list_members(folder)
    write(folder / name, "")
    assert list_members(folder) == before


@pytest.mark.parametrize("name", ["my_model/README.txt", "my_model/code/README.md", "code/vendored.py"])
def test_similar_names_are_packed(folder: Path, name: str) -> None:
    write(folder / name, "")
    assert name in names(folder)


def test_requirements_start_pip_only_where_that_is_wanted(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "# none so far\n")
    assert "code/requirements.txt" not in names(folder, INCLUDED)
    assert "code/requirements.txt" in names(folder, INSTALL)


def test_the_repositorys_own_folder_can_be_packed_both_ways() -> None:
    assert {"code/inference.py", "code/vendored.py", "code/requirements.lock"} <= set(
        names(ROOT / "model_artifacts", INCLUDED)
    )
    assert "code/requirements.lock" not in names(ROOT / "model_artifacts", INSTALL)


def test_a_missing_folder_is_rejected(tmp_path: Path) -> None:
    assert rejection(tmp_path / "nowhere") == (
        f"{tmp_path}/nowhere is not a folder; name the folder with my_model/ and code/."
    )


def test_a_missing_script_is_rejected(folder: Path) -> None:
    (folder / "code" / "inference.py").unlink()
    assert rejection(folder) == f"{folder}/code/inference.py is missing; it is the code that the endpoint runs."


def test_a_script_beside_its_folder_is_rejected(folder: Path) -> None:
    (folder / "code" / "inference.py").rename(folder / "inference.py")
    assert rejection(folder) == f"{folder}/inference.py must be in code/; move it to code/inference.py."


def test_a_missing_model_is_rejected(folder: Path) -> None:
    (folder / "my_model" / "model.pth").unlink()
    assert f"{folder}/my_model/model.pth is missing; put the trained model there" in rejection(folder)
    (folder / "my_model").rmdir()
    assert f"{folder}/my_model/model.pth is missing; put the trained model there" in rejection(folder)


def test_a_model_folder_with_nothing_but_its_card_is_empty(folder: Path) -> None:
    (folder / "my_model" / "model.pth").rename(folder / "my_model" / "README.md")
    assert "model.pth is missing; put the trained model there" in rejection(folder)


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_weights_beside_the_model_s_folder_are_rejected(folder: Path, name: str) -> None:
    (folder / "my_model" / "model.pth").rename(folder / name)
    assert (
        rejection(folder)
        == f"{folder}/{name} is beside my_model/, where model_fn does not look; move it into my_model/."
    )


@pytest.mark.parametrize("name", ["my_model/link.pth", "code/link.py", "code/linked", "code/.hidden"])
def test_symbolic_links_are_rejected(folder: Path, name: str) -> None:
    (folder / name).symlink_to(folder / "code")
    assert rejection(folder) == (
        f"{folder}/{name} is a symbolic link, which SageMaker rejects; replace it with the file."
    )


def test_a_linked_folder_is_rejected(folder: Path) -> None:
    (folder / "my_model").rename(folder / "elsewhere")
    (folder / "my_model").symlink_to(folder / "elsewhere")
    assert rejection(folder) == (
        f"{folder}/my_model is a symbolic link, which SageMaker rejects; replace it with the folder."
    )


def test_a_pipe_is_rejected(folder: Path) -> None:
    os.mkfifo(folder / "my_model" / "pipe")
    assert (
        rejection(folder) == f"{folder}/my_model/pipe is neither a file nor a folder, and cannot be packed; remove it."
    )


def test_a_pointer_of_git_lfs_is_rejected(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3170043\n"
    write(folder / "my_model" / "model.pth", pointer)
    assert rejection(folder) == (
        f"{folder}/my_model/model.pth is a Git LFS pointer, not the file itself; run git lfs pull."
    )


def test_more_than_sagemaker_takes_is_rejected_before_it_is_read(folder: Path) -> None:
    with (folder / "my_model" / "large.bin").open("wb") as sparse:
        sparse.truncate(6 * 1024**3)
    sentence = rejection(folder)
    assert f"The files below {folder} are 6.0 GB (large.bin the largest)" in sentence
    assert 'limit for archives is 5 GB; upload the files uncompressed, and set model.source = "prefix"' in sentence


def test_exactly_the_most_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(each.path.stat().st_size for each in list_members(folder))
    monkeypatch.setattr(packing, "MOST_BYTES", size)
    assert list_members(folder)
    monkeypatch.setattr(packing, "MOST_BYTES", size - 1)
    assert "model.source" in rejection(folder)


def test_a_missing_lock_is_rejected_where_packages_come_along(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "some-package==1.0\n")
    sentence = rejection(folder)
    assert sentence.startswith(f"{folder}/code/requirements.lock is missing")
    assert sentence.endswith('run async-endpoint model lock, or set model.dependencies = "install".')
    assert "code/requirements.txt" in names(folder, INSTALL)


def test_a_bad_pin_is_rejected_both_ways(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "# why\nsome-package>=1.0\n")
    for dependencies in (INCLUDED, INSTALL):
        assert f'{folder}/code/requirements.txt, line 2, is "some-package>=1.0"' in rejection(folder, dependencies)


def test_a_folder_in_the_place_of_the_packages_is_rejected(folder: Path) -> None:
    lock = ROOT / "model_artifacts" / "code" / "requirements.lock"
    for name in ("requirements.txt", "vendor.toml"):
        write(folder / "code" / name, lock.with_name(name).read_text(encoding="utf-8"))
    write(folder / "code" / "requirements.lock", lock.read_text(encoding="utf-8"))
    assert "code/requirements.lock" in names(folder)
    write(folder / "code" / "vendor" / "own.py", "")
    assert rejection(folder) == (
        f"{folder}/code/vendor is where the packages of requirements.lock are packed; rename it."
    )


def test_text_that_is_no_utf_8_is_rejected(folder: Path) -> None:
    (folder / "code" / "requirements.txt").write_bytes(b"# caf\xe9\n")
    assert f"{folder}/code/requirements.txt is not UTF-8 (" in rejection(folder)


def test_a_donut_of_either_name_is_taken(donut: Path) -> None:
    weights = donut / "my_model" / "model.pth"
    assert "my_model/model.pth" in names(donut)
    weights.rename(weights.with_name("pytorch_model.bin"))
    assert "my_model/pytorch_model.bin" in names(donut)


def test_a_donut_without_weights_is_rejected_and_another_model_is_not(donut: Path) -> None:
    (donut / "my_model" / "model.pth").rename(donut / "my_model" / "model.onnx")
    assert f"{donut}/my_model/model.pth is missing; put the trained model there" in rejection(donut)
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
