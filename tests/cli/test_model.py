"""`async-endpoint model` on archives that process, reject, do not load and do not unpack."""

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
    """A request that the tiny classifier processes."""
    line = (EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / "request.json"
    path.write_text(json.dumps(json.loads(line)["request"]), encoding="utf-8")
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, to change."""
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


def test_a_processed_sample_is_reported_with_times_and_memory(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("check", archive_of(example), "--sample", sample, "--content-type", "application/json")

    as_json = run(*arguments, "--json", monkeypatch=monkeypatch)
    as_text = run(*arguments, monkeypatch=monkeypatch)

    assert as_json.exit_code == as_text.exit_code == 0, as_json.output
    found = json.loads(as_json.output)
    assert found["status"] == 200
    assert "shape" in json.loads(found["answer"])
    assert found["load_seconds"] > 0
    assert found["second_answer_seconds"] >= 0
    assert 50 < found["peak_memory_mb"] < 2000
    assert "request.json (application/json) returned status 200 in" in as_text.output
    assert "The model loaded in" in as_text.output


def test_a_document_that_is_rejected_fails_the_check(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")

    done = run(
        "check", archive_of(example), "--sample", tmp_path / "bad.json", "--content-type", "application/json",
        monkeypatch=monkeypatch,
    )  # fmt: skip

    assert done.exit_code == 1
    assert "returned status 400" in done.output


def test_a_model_that_does_not_load_is_reported_in_one_line(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "my_model" / "model.pth").write_bytes(b"nothing that torch wrote")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "The model does not load: " in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("async def model_fn(model_dir):\n    return None", "returned status 500"),
        ("def model_fn():\n    return None", "The model does not load: TypeError"),
        ("def predict_fn(data):\n    return data", "returned status 500"),
        ("def predict_fn(data, model, context, more):\n    return data", "returned status 500"),
        ("input_fn = None", "returned status 500"),
        ("del predict_fn", "returned status 500"),
        ("def transform_fn(model, data, content_type, accept):\n    return data", "The model does not load: "),
    ],
)
def test_functions_that_the_serving_toolkit_cannot_call_fail_the_check(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch, handler: str, reason: str
) -> None:
    """Packing does not look at these functions."""
    script = example / "code" / "inference.py"
    script.write_text(f"{script.read_text(encoding='utf-8')}\n{handler}\n", encoding="utf-8")
    arguments = ("check", archive_of(example), "--sample", sample, "--content-type", "application/json")

    done = run(*arguments, monkeypatch=monkeypatch)

    assert done.exit_code == 1, done.output
    assert reason in done.output


def test_code_that_uses_the_network_fails_the_check(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = example / "code" / "inference.py"
    asks = "\nimport urllib.request\ndef model_fn(model_dir):\n    urllib.request.urlopen('http://127.0.0.1:9')\n"
    script.write_text(script.read_text(encoding="utf-8") + asks, encoding="utf-8")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "checked without a network" in done.output


def test_an_archive_that_installs_packages_at_start_is_not_checked(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "code" / "requirements.txt").write_text("# why\ntimm==0.5.4\n", encoding="utf-8")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "has pip install 1 packages when a container starts" in done.output


def test_a_file_that_is_not_an_archive_is_an_error(
    tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert "model_artifacts/pack.py does not exist here: run this in the app's repository" in done.output
