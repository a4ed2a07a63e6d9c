"""What is packed; each rejection is one sentence that says what is wrong, where and what to do."""

import os
from pathlib import Path

import pytest

from model_artifacts.packing import members as packing
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import INCLUDED, INSTALL, Member, list_members, read_contents
from tests.stacks.templates import ROOT, write_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_artifacts(tmp_path / "artifacts")


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
        "config.json",
        "__pycache__/a.pyc",
        ".git/HEAD",
    ],
)
def test_caches_hidden_files_and_what_is_for_the_repository_stay_out(folder: Path, name: str) -> None:
    before = list_members(folder)
    write(folder / name, "")
    assert list_members(folder) == before


def test_what_is_left_out_is_said_in_one_line_without_pythons_caches(folder: Path) -> None:
    assert read_contents(folder).notes == ()
    for name in ("README.md", ".git/HEAD", "data/a.csv", "a.ipynb", "code/ruff.toml", "code/.env", "__pycache__/a.pyc"):
        write(folder / name, "")
    write(folder / "code" / "__pycache__" / "a.pyc", "")
    write(folder / "code" / ".ruff_cache" / "a", "")
    assert read_contents(folder).notes == ("Left out: .git/, README.md, a.ipynb, code/.env, code/ruff.toml, data/.",)


def test_of_many_files_left_out_some_are_named_and_the_others_counted(folder: Path) -> None:
    for number in range(30):
        write(folder / f"{number:02}.csv", "")
    (note,) = read_contents(folder).notes
    assert note.startswith("Left out: 00.csv, 01.csv")
    assert note.endswith("11.csv and 18 more.")


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors", "best.onnx", "weights.H5", "pytorch_model.bin"])
def test_weights_at_the_top_are_packed_with_what_stands_beside_them(folder: Path, name: str) -> None:
    (folder / "my_model" / "model.pth").unlink()
    (folder / "my_model").rmdir()
    for each in (name, "config.json", "vocab.txt", "spiece.model", "labels.yaml"):
        write(folder / each, "x")
    for each in ("README.txt", "train.py", "LICENSE.txt", "requirements.txt", "samples.jsonl"):
        write(folder / each, "")
    expected = {name, "code/inference.py", "config.json", "vocab.txt", "spiece.model", "labels.yaml"}
    assert set(names(folder)) == expected
    left_out = "LICENSE.txt, README.txt, requirements.txt, samples.jsonl, train.py"
    assert read_contents(folder).notes == (f"Left out: {left_out}.",)


@pytest.mark.parametrize(
    "name", ["license_plate.pt", "notice.pt", "requirements.onnx", "readme.bin", "changelog.safetensors"]
)
def test_weights_with_the_name_of_a_document_are_weights(folder: Path, name: str) -> None:
    (folder / "my_model" / "model.pth").unlink()
    (folder / "my_model").rmdir()
    for each in (name, "license_plates.txt", "requirements_model.json"):
        write(folder / each, "x")
    for each in ("LICENSE", "LICENSE-MIT.txt", "notices.txt", "readme.de.txt", "requirements-dev.txt"):
        write(folder / each, "x")
    assert set(names(folder)) == {name, "code/inference.py", "license_plates.txt", "requirements_model.json"}
    assert "Left out: LICENSE, LICENSE-MIT.txt, notices.txt" in read_contents(folder).notes[0]


@pytest.mark.parametrize(
    ("weights", "beside"),
    [
        ("model.bin", "model.xml"),
        ("OCR.BIN", "OCR.mapping"),
        ("net.onnx", "net.onnx.data"),
        ("net.onnx", "net.onnx_data"),
        ("checkpoint.pt", "checkpoint.csv"),
    ],
)
def test_files_with_the_name_of_weights_are_packed_with_them(folder: Path, weights: str, beside: str) -> None:
    for each in (weights, beside, "other.xml", "model.ipynb", f"{weights.partition('.')[0]}.py", "labels.csv"):
        write(folder / each, "x")
    assert set(names(folder)) == {weights, beside, "code/inference.py", "my_model/model.pth"}


def test_weights_beside_the_model_s_folder_are_packed_too(folder: Path) -> None:
    write(folder / "second.pt", "x")
    assert names(folder) == ["code/inference.py", "my_model/model.pth", "second.pt"]


def test_weights_in_the_code_are_enough(folder: Path) -> None:
    (folder / "my_model" / "model.pth").rename(folder / "code" / "best.pt")
    (folder / "my_model").rmdir()
    assert names(folder) == ["code/best.pt", "code/inference.py"]
    assert read_contents(folder).notes == ()


def test_any_file_of_the_model_s_folder_will_do(folder: Path) -> None:
    (folder / "my_model" / "model.pth").rename(folder / "my_model" / "weights.json")
    assert names(folder) == ["code/inference.py", "my_model/weights.json"]


def test_code_without_weights_is_packed_with_a_note(folder: Path) -> None:
    (folder / "my_model" / "model.pth").unlink()
    (folder / "my_model").rmdir()
    assert names(folder) == ["code/inference.py"]
    note = "Note: no weights were found in my_model/, at the top of the folder or in code/."
    assert read_contents(folder).notes == (note,)


def test_a_name_that_is_not_utf_8_is_rejected(folder: Path) -> None:
    os.close(os.open(os.fsencode(folder / "my_model") + b"/caf\xe9.bin", os.O_CREAT))
    assert rejection(folder).endswith("caf\\udce9.bin' has a name that is not UTF-8; rename the file.")


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
        f"{tmp_path}/nowhere is not a folder; name the folder with the model's weights and code/."
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
    assert sentence.endswith(f'run async-endpoint model lock --folder {folder}, or set model.dependencies = "install".')
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
