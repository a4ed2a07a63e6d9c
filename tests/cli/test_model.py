"""`async-endpoint model` on archives that read, refuse, do not load and do not unpack."""

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "samples" / "tiny_classifier"

pytestmark = pytest.mark.serving


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A request that the tiny classifier answers."""
    line = (EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / "request.json"
    path.write_text(json.dumps(json.loads(line)["request"]), encoding="utf-8")
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, to be spoiled."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__")))


def archive_of(folder: Path) -> Path:
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        for name in ("code", "my_model"):
            tar.add(folder / name, name)
    return path


def run(*arguments: object, monkeypatch: pytest.MonkeyPatch, folder: Path = ROOT) -> Result:
    serving = os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", str(ROOT / ".venv-serving"))
    monkeypatch.setenv("ASYNC_ENDPOINT_SERVING_ENV", serving)
    monkeypatch.chdir(folder)
    return CliRunner().invoke(main, ["model", *map(str, arguments)])


def test_an_archive_is_read_with_and_what_it_took_is_told(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("check", archive_of(example), "--sample", sample, "--content-type", "application/json")

    told = run(*arguments, "--json", monkeypatch=monkeypatch)
    in_words = run(*arguments, monkeypatch=monkeypatch)

    assert told.exit_code == in_words.exit_code == 0, told.output
    found = json.loads(told.output)
    assert found["status"] == 200
    assert "shape" in json.loads(found["answer"])
    assert found["load_seconds"] > 0
    assert found["second_answer_seconds"] >= 0
    assert 50 < found["peak_memory_mb"] < 2000
    assert "request.json (application/json) was answered 200 in" in in_words.output
    assert "The model loaded in" in in_words.output


def test_a_document_that_is_refused_fails_the_check(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")

    done = run(
        "check", archive_of(example), "--sample", tmp_path / "bad.json", "--content-type", "application/json",
        monkeypatch=monkeypatch,
    )  # fmt: skip

    assert done.exit_code == 1
    assert "was answered 400" in done.output


def test_a_model_that_does_not_load_is_told_in_one_line(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "my_model" / "model.pth").write_bytes(b"nothing that torch wrote")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "The model does not load: " in done.output
    assert "Traceback" not in done.output


def test_code_that_asks_for_the_network_is_refused_it(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = example / "code" / "inference.py"
    asks = "\nimport urllib.request\ndef model_fn(model_dir):\n    urllib.request.urlopen('http://127.0.0.1:9')\n"
    script.write_text(script.read_text(encoding="utf-8") + asks, encoding="utf-8")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "checked without a network" in done.output


def test_an_archive_that_installs_at_the_start_is_not_claimed_to_be_checked(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "code" / "requirements.txt").write_text("# why\ntimm==0.5.4\n", encoding="utf-8")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "has pip install 1 packages when a container starts" in done.output


def test_what_is_no_archive_is_named(tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")

    done = run("check", tmp_path / "model.tar.gz", "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "model.tar.gz is not a complete gzip'd tar file" in done.output


def test_pack_prints_the_archive_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("pack", "--folder", EXAMPLE, monkeypatch=monkeypatch)

    assert done.exit_code == 0, done.output
    with tarfile.open(done.output.strip()) as tar:
        assert {"code/inference.py", "my_model/model.pth"} <= set(tar.getnames())


def test_outside_of_the_repository_there_is_nothing_to_pack_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("pack", "--folder", EXAMPLE, monkeypatch=monkeypatch, folder=tmp_path)

    assert done.exit_code == 1
    assert "model_artifacts/pack.py is not here: run this in the repository" in done.output
