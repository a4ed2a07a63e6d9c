import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from model_artifacts import pack
from tests.infra.templates import write_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_artifacts(tmp_path / "artifacts")
    (folder / "my_model" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "code" / "helpers").mkdir()
    (folder / "code" / "helpers" / "fields.py").write_text("", encoding="utf-8")
    return folder


def run(folder: Path, build: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, pack.__file__, "--folder", str(folder), "--build", str(build), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def packed(folder: Path, archive: Path) -> list[tarfile.TarInfo]:
    pack.pack(folder, archive)
    with tarfile.open(archive) as tar:
        return tar.getmembers()


def test_the_archive_has_the_layout_that_sagemaker_unpacks(folder: Path, tmp_path: Path) -> None:
    assert [each.name for each in packed(folder, tmp_path / "model.tar.gz")] == [
        "code/helpers/fields.py",
        "code/inference.py",
        "my_model/config.json",
        "my_model/model.pth",
    ]


def test_contents_arrive_unchanged(folder: Path, tmp_path: Path) -> None:
    weights = os.urandom(100_000)
    (folder / "my_model" / "model.pth").write_bytes(weights)
    pack.pack(folder, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert (tmp_path / "unpacked" / "my_model" / "model.pth").read_bytes() == weights


def test_caches_hidden_files_and_what_is_for_the_repository_stay_out(folder: Path, tmp_path: Path) -> None:
    before = pack.digest(folder)
    for name in (
        "my_model/README.md",
        "code/ruff.toml",
        "code/.DS_Store",
        "code/inference.pyc",
        "code/__pycache__/inference.cpython.pyc",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("left out", encoding="utf-8")
    (folder / "training").mkdir()
    (folder / "training" / "train.py").write_text("", encoding="utf-8")
    assert len(packed(folder, tmp_path / "model.tar.gz")) == 4
    assert pack.digest(folder) == before


def test_two_folders_of_different_times_and_modes_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "one" / "a.tar.gz", tmp_path / "two" / "b.tar.gz"]
    pack.pack(folder, archives[0])
    other = Path(shutil.copytree(folder, tmp_path / "elsewhere", copy_function=shutil.copyfile))
    for path in other.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    umask = os.umask(0o077)
    try:
        pack.pack(other, archives[1])
    finally:
        os.umask(umask)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert pack.digest(folder) == pack.digest(other)


def test_headers_say_nothing_of_who_packed_and_when(folder: Path, tmp_path: Path) -> None:
    for entry in packed(folder, tmp_path / "model.tar.gz"):
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, 0, "", "")
        assert entry.mode == 0o644
    gzip_header = (tmp_path / "model.tar.gz").read_bytes()[:10]
    assert gzip_header[3] == 0, "no file name is in the header"
    assert gzip_header[4:8] == b"\0\0\0\0", "no time is in the header"


@pytest.mark.parametrize("change", ["content", "name", "addition"])
def test_every_change_of_what_goes_in_changes_the_digest(folder: Path, change: str) -> None:
    before = pack.digest(folder)
    config = folder / "my_model" / "config.json"
    if change == "content":
        config.write_text("{ }", encoding="utf-8")
    elif change == "name":
        config.rename(config.with_name("konfig.json"))
    else:
        config.with_name("tokenizer.json").write_text("", encoding="utf-8")
    assert pack.digest(folder) != before


def test_the_script_prints_the_archives_path_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "build")
    archive = tmp_path / "build" / pack.digest(folder) / "model.tar.gz"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{archive}\n", "")
    assert tarfile.is_tarfile(archive)
    assert list(archive.parent.iterdir()) == [archive], "no draft is left behind"


def test_an_archive_of_the_same_digest_is_used_again(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "build")
    archive = tmp_path / "build" / pack.digest(folder) / "model.tar.gz"
    archive.write_bytes(b"untouched")
    run(folder, tmp_path / "build")
    assert archive.read_bytes() == b"untouched"


def test_inputs_that_changed_since_the_synth_are_refused(folder: Path, tmp_path: Path) -> None:
    expected = pack.digest(folder)
    assert run(folder, tmp_path / "build", "--expect", expected).returncode == 0
    (folder / "code" / "inference.py").write_text("changed", encoding="utf-8")
    refused = run(folder, tmp_path / "build", "--expect", expected)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"{folder} has changed since the templates were made; run cdk synth again, then deploy.\n"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("my_model/model.pth", "model.pth is missing; put the trained model there"),
        ("code/inference.py", "inference.py is missing; the endpoint has nothing to run without it"),
    ],
)
def test_a_missing_part_is_told_in_a_sentence(folder: Path, tmp_path: Path, missing: str, sentence: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(pack.ArchiveError, match=sentence):
        pack.digest(folder)
    refused = run(folder, tmp_path / "build")
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_folder_of_save_pretrained_is_a_model_too(folder: Path) -> None:
    weights = folder / "my_model" / "model.pth"
    weights.rename(weights.with_name("pytorch_model.bin"))
    assert pack.digest(folder)


@pytest.mark.parametrize("name", ["my_model/link.pth", "code/link.py", "code/linked"])
def test_symbolic_links_are_refused(folder: Path, name: str) -> None:
    (folder / name).symlink_to(folder / "code")
    with pytest.raises(pack.ArchiveError, match=f"{name} is a symbolic link, which SageMaker refuses"):
        pack.digest(folder)


def test_a_failed_packing_leaves_nothing_that_looks_like_an_archive(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full_disk)
    with pytest.raises(OSError, match="No space left"):
        pack.pack(folder, tmp_path / "build" / "model.tar.gz")
    assert list((tmp_path / "build").iterdir()) == []
