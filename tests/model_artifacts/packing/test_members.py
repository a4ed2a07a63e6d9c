"""What goes in, and that each refusal is a sentence of what, where and what to do."""

import os
import re
from pathlib import Path

import pytest

from model_artifacts.packing import members as packing
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import INCLUDED, INSTALL, Member, members
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
    return [each.name for each in members(folder, dependencies)]


def refusal(folder: Path, dependencies: str = INCLUDED) -> str:
    with pytest.raises(ArchiveError) as caught:
        members(folder, dependencies)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_members_are_sorted_by_their_name_in_the_archive(folder: Path) -> None:
    write(folder / "code" / "a.py", "")
    write(folder / "code" / "a" / "b.py", "")
    assert names(folder) == ["code/a.py", "code/a/b.py", "code/inference.py", "my_model/model.pth"]
    assert members(folder)[0] == Member("code/a.py", folder / "code" / "a.py")


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
    before = members(folder)
    write(folder / name, "")
    assert members(folder) == before


@pytest.mark.parametrize("name", ["my_model/README.txt", "my_model/code/README.md", "code/vendored.py"])
def test_what_only_looks_like_it_goes_in(folder: Path, name: str) -> None:
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


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (
        f"{tmp_path}/nowhere is no folder; give the one that holds my_model/ and code/."
    )


def test_a_missing_script_is_refused(folder: Path) -> None:
    (folder / "code" / "inference.py").unlink()
    assert refusal(folder) == f"{folder}/code/inference.py is missing; the endpoint has nothing to run without it."


def test_a_script_beside_its_folder_is_refused(folder: Path) -> None:
    (folder / "code" / "inference.py").rename(folder / "inference.py")
    assert refusal(folder) == f"{folder}/inference.py has to be in code/; move it to code/inference.py."


def test_a_missing_model_is_refused(folder: Path) -> None:
    (folder / "my_model" / "model.pth").unlink()
    assert f"{folder}/my_model/model.pth is missing; put the trained model there" in refusal(folder)
    (folder / "my_model").rmdir()
    assert f"{folder}/my_model/model.pth is missing; put the trained model there" in refusal(folder)


def test_a_model_folder_with_nothing_but_its_card_is_empty(folder: Path) -> None:
    (folder / "my_model" / "model.pth").rename(folder / "my_model" / "README.md")
    assert "model.pth is missing; put the trained model there" in refusal(folder)


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_weights_beside_the_model_s_folder_are_refused(folder: Path, name: str) -> None:
    (folder / "my_model" / "model.pth").rename(folder / name)
    assert refusal(folder) == f"{folder}/{name} lies beside my_model/, where model_fn does not look; move it there."


@pytest.mark.parametrize("name", ["my_model/link.pth", "code/link.py", "code/linked", "code/.hidden"])
def test_symbolic_links_are_refused(folder: Path, name: str) -> None:
    (folder / name).symlink_to(folder / "code")
    assert refusal(folder) == (
        f"{folder}/{name} is a symbolic link, which SageMaker refuses; put the file itself there."
    )


def test_a_linked_folder_is_refused(folder: Path) -> None:
    (folder / "my_model").rename(folder / "elsewhere")
    (folder / "my_model").symlink_to(folder / "elsewhere")
    assert refusal(folder) == (
        f"{folder}/my_model is a symbolic link, which SageMaker refuses; put the folder itself there."
    )


def test_a_pipe_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "my_model" / "pipe")
    assert refusal(folder) == f"{folder}/my_model/pipe is neither a file nor a folder, and cannot be packed; remove it."


def test_a_pointer_of_git_lfs_is_refused(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3170043\n"
    write(folder / "my_model" / "model.pth", pointer)
    assert refusal(folder) == (
        f"{folder}/my_model/model.pth is a pointer of Git LFS, not the file itself; run git lfs pull."
    )


def test_more_than_sagemaker_takes_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / "my_model" / "large.bin").open("wb") as sparse:
        sparse.truncate(6 * 1024**3)
    sentence = refusal(folder)
    assert f"The files below {folder} are 6.0 GB (large.bin the largest)" in sentence
    assert 'up to 5 GB; upload the files as they are, and set model.source = "prefix"' in sentence


def test_exactly_the_most_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(each.path.stat().st_size for each in members(folder))
    monkeypatch.setattr(packing, "MOST_BYTES", size)
    assert members(folder)
    monkeypatch.setattr(packing, "MOST_BYTES", size - 1)
    assert "model.source" in refusal(folder)


def test_a_missing_lock_is_refused_where_packages_come_along(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "some-package==1.0\n")
    sentence = refusal(folder)
    assert sentence.startswith(f"{folder}/code/requirements.lock is missing")
    assert sentence.endswith('run async-endpoint model lock, or set model.dependencies = "install".')
    assert "code/requirements.txt" in names(folder, INSTALL)


def test_a_bad_pin_is_refused_both_ways(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "# why\nsome-package>=1.0\n")
    for dependencies in (INCLUDED, INSTALL):
        assert f'{folder}/code/requirements.txt, line 2, is "some-package>=1.0"' in refusal(folder, dependencies)


def test_a_folder_in_the_place_of_the_packages_is_refused(folder: Path) -> None:
    lock = ROOT / "model_artifacts" / "code" / "requirements.lock"
    for name in ("requirements.txt", "vendor.toml"):
        write(folder / "code" / name, lock.with_name(name).read_text(encoding="utf-8"))
    write(folder / "code" / "requirements.lock", lock.read_text(encoding="utf-8"))
    assert "code/requirements.lock" in names(folder)
    write(folder / "code" / "vendor" / "own.py", "")
    assert refusal(folder) == (
        f"{folder}/code/vendor is in the way of the packages of requirements.lock; give it another name."
    )


def test_text_that_is_no_utf_8_is_refused(folder: Path) -> None:
    (folder / "code" / "requirements.txt").write_bytes(b"# caf\xe9\n")
    assert f"{folder}/code/requirements.txt is no UTF-8 (" in refusal(folder)


def test_a_donut_of_either_name_is_taken(donut: Path) -> None:
    weights = donut / "my_model" / "model.pth"
    assert "my_model/model.pth" in names(donut)
    weights.rename(weights.with_name("pytorch_model.bin"))
    assert "my_model/pytorch_model.bin" in names(donut)


def test_a_donut_without_weights_is_refused_and_another_model_is_not(donut: Path) -> None:
    (donut / "my_model" / "model.pth").rename(donut / "my_model" / "model.onnx")
    assert f"{donut}/my_model/model.pth is missing; put the trained model there" in refusal(donut)
    (donut / "code" / "donut_loading.py").unlink()
    assert "my_model/model.onnx" in names(donut)


def test_a_donut_that_torch_did_not_save_is_refused(donut: Path) -> None:
    (donut / "my_model" / "model.pth").write_bytes(b"\x89HDF and so on")
    assert refusal(donut) == (
        f"{donut}/my_model/model.pth is not a file that torch.save wrote; save model.state_dict() with it."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "is missing"), ("{", "is no JSON \\(.*\\)"), ("[]", "holds no JSON object")],
    ids=["missing", "no JSON", "no object"],
)
def test_a_donut_without_its_configuration_is_refused(donut: Path, text: str | None, reason: str) -> None:
    configuration = donut / "my_model" / "config.json"
    if text is None:
        configuration.unlink()
    else:
        write(configuration, text)
    advice = "; put the configuration that the model was trained with there."
    assert re.fullmatch(re.escape(str(configuration)) + f" {reason}{advice}", refusal(donut))
