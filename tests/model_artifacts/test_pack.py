import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import get_args

import pytest

from async_endpoint.protocol.serving_images import IMAGES, ImageName
from model_artifacts import pack
from tests.stacks.templates import write_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_artifacts(tmp_path / "artifacts")
    (folder / "my_model" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "code" / "helpers").mkdir()
    (folder / "code" / "helpers" / "fields.py").write_text("", encoding="utf-8")
    return folder


def command(folder: Path, build: Path, *options: str) -> list[str]:
    return [sys.executable, pack.__file__, "--folder", str(folder), "--build", str(build), *options]


def run(folder: Path, build: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, build, *options), capture_output=True, text=True, check=False)


def packed(folder: Path, archive: Path, dependencies: str = pack.INCLUDED) -> list[tarfile.TarInfo]:
    pack.pack(folder, archive, dependencies, archive.parent / "build")
    with tarfile.open(archive) as tar:
        return tar.getmembers()


def test_the_archive_has_the_layout_that_sagemaker_unpacks(folder: Path, tmp_path: Path) -> None:
    assert [each.name for each in packed(folder, tmp_path / "model.tar.gz")] == [
        "packed_for.json",
        "code/helpers/fields.py",
        "code/inference.py",
        "my_model/config.json",
        "my_model/model.pth",
    ]


def test_for_pip_at_start_the_requirements_are_there_and_no_packages(folder: Path, tmp_path: Path) -> None:
    (folder / "code" / "requirements.txt").write_text("some-package==1.0\n", encoding="utf-8")
    (folder / "code" / "requirements.lock").write_text("of something else", encoding="utf-8")
    assert [each.name for each in packed(folder, tmp_path / "model.tar.gz", pack.INSTALL)] == [
        "packed_for.json",
        "code/helpers/fields.py",
        "code/inference.py",
        "code/requirements.txt",
        "my_model/config.json",
        "my_model/model.pth",
    ]


def test_contents_arrive_unchanged(folder: Path, tmp_path: Path) -> None:
    weights = os.urandom(3_000_001)
    (folder / "my_model" / "model.pth").write_bytes(weights)
    pack.pack(folder, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert (tmp_path / "unpacked" / "my_model" / "model.pth").read_bytes() == weights


def test_two_folders_of_other_times_modes_umasks_and_orders_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "one" / "a.tar.gz", tmp_path / "two" / "b.tar.gz"]
    pack.pack(folder, archives[0])
    other = tmp_path / "elsewhere"
    umask = os.umask(0o077)
    try:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file():
                copy = other / path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        for path in other.rglob("*"):
            path.chmod(0o700)
            os.utime(path, (1_000_000_000, 1_000_000_000))
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


def test_how_packages_come_changes_the_digest(folder: Path) -> None:
    (folder / "code" / "requirements.lock").write_text("", encoding="utf-8")
    with pytest.raises(pack.ArchiveError, match=r"requirements\.lock is outdated"):
        pack.digest(folder)
    (folder / "code" / "requirements.lock").unlink()
    (folder / "code" / "requirements.txt").write_text("# none\n", encoding="utf-8")
    assert pack.digest(folder) != pack.digest(folder, pack.INSTALL)


@pytest.mark.parametrize("image", IMAGES)
def test_the_archive_says_first_for_which_image_it_is(folder: Path, tmp_path: Path, image: ImageName) -> None:
    pack.pack(folder, tmp_path / "model.tar.gz", image=image)
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        first = tar.getmembers()[0]
        content = tar.extractfile(first)
        assert first.name == "packed_for.json"
        assert content is not None
        said = json.loads(content.read())
    expected = IMAGES[image]
    assert said == {"image": image, "python": expected.python, "packages": expected.packages}


def test_another_image_gives_another_digest_and_the_same_image_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert len({pack.digest(folder, image=image) for image in get_args(ImageName)}) == len(IMAGES)
    for image in get_args(ImageName):
        archives = [tmp_path / f"{image}-{number}.tar.gz" for number in range(2)]
        for archive in archives:
            pack.pack(folder, archive, image=image)
        assert archives[0].read_bytes() == archives[1].read_bytes()


def test_the_script_packs_for_the_image_that_it_is_told(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "build", "--image", "huggingface-2.6")
    archive = tmp_path / "build" / pack.digest(folder, image="huggingface-2.6") / "model.tar.gz"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{archive}\n", "")
    other = run(folder, tmp_path / "build", "--image", "pytorch-1.11", "--expect", archive.parent.name)
    assert "has changed since the templates were synthesised" in other.stderr


def test_the_script_prints_the_archives_path_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "build")
    archive = tmp_path / "build" / pack.digest(folder) / "model.tar.gz"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{archive}\n", "")
    assert tarfile.is_tarfile(archive)
    assert list(archive.parent.iterdir()) == [archive], "no draft is left behind"


def test_an_archive_of_the_same_digest_is_used_again(folder: Path, tmp_path: Path) -> None:
    archive = pack.build(folder, tmp_path / "build")
    archive.write_bytes(b"untouched")
    assert pack.build(folder, tmp_path / "build") == archive
    assert archive.read_bytes() == b"untouched"


def test_two_builds_of_one_archive_at_once_both_give_the_whole(folder: Path, tmp_path: Path) -> None:
    (folder / "my_model" / "model.pth").write_bytes(os.urandom(20_000_000))
    started = [
        subprocess.Popen(command(folder, tmp_path / "build"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [each.communicate(timeout=60) for each in started]
    assert [each.returncode for each in started] == [0, 0], told
    (path,) = {out.strip() for out, _ in told}
    pack.pack(folder, tmp_path / "alone.tar.gz")
    assert Path(path).read_bytes() == (tmp_path / "alone.tar.gz").read_bytes()
    assert list(Path(path).parent.iterdir()) == [Path(path)], "no draft is left behind"


def test_inputs_that_changed_since_the_synth_are_rejected(folder: Path, tmp_path: Path) -> None:
    expected = pack.digest(folder)
    assert run(folder, tmp_path / "build", "--expect", expected).returncode == 0
    (folder / "my_model" / "config.json").write_text("changed", encoding="utf-8")
    rejected = run(folder, tmp_path / "build", "--expect", expected)
    assert (rejected.returncode, rejected.stdout) == (1, "")
    assert (
        rejected.stderr
        == f"{folder} has changed since the templates were synthesised; run cdk synth again, then deploy.\n"
    )


def test_a_rejection_is_one_line_and_writes_no_archive(folder: Path, tmp_path: Path) -> None:
    (folder / "code" / "inference.py").unlink()
    rejected = run(folder, tmp_path / "build")
    assert (rejected.returncode, rejected.stdout) == (1, "")
    assert rejected.stderr == (f"{folder}/code/inference.py is missing; it is the code that the endpoint runs.\n")
    assert not (tmp_path / "build").exists()


def test_a_build_folder_that_cannot_be_created_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    rejected = run(folder, tmp_path / "file")
    assert rejected.returncode == 1
    assert "Traceback" not in rejected.stderr
    assert f"{tmp_path}/file" in rejected.stderr


def test_an_archive_too_large_with_its_packages_is_rejected_and_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "MOST_BYTES", 100)
    with pytest.raises(pack.ArchiveError, match=r'With its packages, .* exceeds .* set model\.source = "prefix"'):
        pack.pack(folder, tmp_path / "build" / "model.tar.gz")
    assert list((tmp_path / "build").iterdir()) == []


def test_the_archive_is_plain_gzip_of_plain_tar(folder: Path, tmp_path: Path) -> None:
    """SageMaker's own unpacking is not ours to see: `gzip` and `tar` of the machine stand in for it."""
    pack.pack(folder, tmp_path / "model.tar.gz")
    plain = subprocess.run(["gzip", "-dc", tmp_path / "model.tar.gz"], capture_output=True, check=True).stdout  # noqa: S607 - the PATH's
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        assert len(tar.getmembers()) == 5
