"""pip in the container gets what it can install, the same each time; every other line has a sentence of its own."""

from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.installed_rules import check_installed

COMMIT = "0" * 40


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    return tmp_path / "code" / "requirements.txt"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rejection_of_pip(requirements: Path, text: str) -> str:
    write(requirements, text)
    with pytest.raises(ArchiveError) as caught:
        check_installed(requirements, IMAGES[DEFAULT_IMAGE])
    return str(caught.value).replace(str(requirements), "FILE")


@pytest.mark.parametrize(
    "line",
    [
        "six @ https://example.com/six.zip",
        f"git+https://example.com/six.git@{COMMIT}",
        f"six @ git+https://example.com/six.git@{COMMIT}",
        f"-e git+https://example.com/six.git@{COMMIT}#egg=six",
        "/opt/ml/model/code/own.whl",
        "-e /opt/ml/model/code/own",
        "-r more/base.txt",
        "-c more/base.txt",
        "-e file:///opt/ml/model/code/own",
        "file:///opt/ml/model/code/own.whl",
        "six @ file:///opt/ml/model/code/own.whl",
        "six @ file:///opt/ml/model/code/own",
        "-r /opt/ml/model/code/more/base.txt",
        "--requirement=file:///opt/ml/model/code/more/base.txt",
        "git+https://example.com/six.git@0123456789ABCDEF0123456789ABCDEF01234567",
        "--pre --extra-index-url https://example.com/simple",
        "six==1 --install-option='--quiet'",
        "--extra-index-url https://example.com/simple",
        "--no-binary :all:",
        "--pre",
        "six==1 --global-option=x",
    ],
)
def test_pip_in_the_container_takes_all_that_stays_the_same(requirements: Path, line: str) -> None:
    for name in ("own.whl", "own/setup.py", "more/base.txt"):
        write(requirements.parent / name, "# nothing\n")
    write(requirements, line)
    check_installed(requirements, IMAGES[DEFAULT_IMAGE])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("git+https://example.com/six.git@main", "names no commit"),
        ("-e git+https://example.com/six.git#egg=six", "names no commit"),
        ("./own.whl", "write /opt/ml/model/code/own.whl."),
        ("wheels/own.whl", "write /opt/ml/model/code/wheels/own.whl."),
        ("-e .", "which the container does not have; put it into code/, and write /opt/ml/model/code/."),
        ("/opt/ml/model/code/none.whl", "does not exist; put it there."),
        ("/home/me/own.whl", "write /opt/ml/model/code/own.whl."),
        ("-r none.txt", "includes none.txt, which is not in "),
        ("-c ../base.txt", "includes ../base.txt, which is not in "),
        ("six @ file:///opt/ml/model/code/none.whl", "does not exist; put it there."),
        ("-e file:///opt/ml/model/code/none", "does not exist; put it there."),
        ("file:///home/me/own.whl", "write /opt/ml/model/code/own.whl."),
        ("-r /opt/ml/model/base.txt", "includes /opt/ml/model/base.txt, which is not in "),
        ("-r requirements.txt", "includes requirements.txt in itself, where pip never ends; remove the line."),
        ("--unknown", "the image's, does not take there (no such option: --unknown); remove it."),
        ("six==1 --unknown", "the image's, does not take there (no such option: --unknown); remove it."),
        ("six==1 --config-settings=a=b", "does not take there (no such option: --config-settings); remove it."),
        ("six==1 --hash", "does not take there (--hash option requires 1 argument); remove it."),
        ("six==1 --hash=md5:0", "has the hash md5:0, which pip does not take; write sha256: and the digest."),
        ("six==1 --global-option='x", "is nothing that pip can read"),
        ("--extra-index-url https://example.com/simple six==1", "has six==1 after an option, which pip skips"),
        ("six==1 --hash=sha256:0 seven==1", "has seven==1 after an option, which pip skips"),
        ("six==1 --pre", "has --pre, which pip skips without a word there; write it on a line of its own"),
        ("--hash=sha256:0", "has --hash, which pip skips without a word there; write it after a package"),
        ("-e /opt/ml/model/code --pre", "has more than one option with --editable, and pip skips the others"),
        ("-r a.txt -r b.txt", "has more than one option with --requirement, and pip skips the others"),
        ("six==1 --hash=sha256:0\nseven==1", "line 2, has no --hash (seven==1), and pip requires one of every line"),
        ("--require-hashes\nseven==1", "line 2, has no --hash (seven==1), and pip requires one of every line"),
    ],
)
def test_what_pip_would_not_find_or_what_may_change_is_rejected(requirements: Path, line: str, reason: str) -> None:
    assert reason in rejection_of_pip(requirements, line)


def test_an_included_file_is_read_too(requirements: Path) -> None:
    write(requirements.parent / "more" / "base.txt", "six>=1\n")
    assert 'base.txt, line 1, is "six>=1"' in rejection_of_pip(requirements, "-r more/base.txt\n")


@pytest.mark.parametrize("option", ["-r", "-c"])
def test_files_that_include_each_other_are_rejected(requirements: Path, option: str) -> None:
    write(requirements.parent / "more" / "base.txt", f"{option} ../requirements.txt\n")
    sentence = rejection_of_pip(requirements, f"{option} more/base.txt\n")
    said = "base.txt, line 1, includes ../requirements.txt in itself, where pip never ends; remove the line."
    assert said in sentence
