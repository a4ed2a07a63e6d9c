"""`async-endpoint model compare`: its exit status is 1 for different results, and for nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main, model_compare
from async_endpoint.operations.model.compare_serving import CompareError
from async_endpoint.operations.model.packing import PackingError

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "receipts"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["model", "compare", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["pytorch-1.11"], "Missing argument 'NEW'"),
        (["pytorch-1.11", "pytorch-9", "--samples", SAMPLES], "'pytorch-9' is not one of 'pytorch-1.11'"),
        (["pytorch-1.11", "pytorch-2.6"], "Missing option '--samples'"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", "/nowhere"], "/nowhere is not a folder"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES, "--pattern", "*.x"], "nothing that matches '*.x'"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES, "--tolerance", "nan"], "nan is not a finite number"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES, "--tolerance", "-1"], "-1.0 is not in the range"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES, "--limit", "0"], "0 is not in the range"),
        (["pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES, "--environment", "x"], "x is not NAME=VALUE"),
    ],
)
def test_wrong_usage_is_not_a_difference(arguments: list[object], reason: str) -> None:
    done = run(*arguments)

    assert done.exit_code == 2, done.output
    assert reason in " ".join(done.output.split())


def test_an_empty_folder_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").touch()

    done = run("pytorch-1.11", "pytorch-2.6", "--samples", tmp_path)

    assert done.exit_code == 2
    assert f"Not compared: {tmp_path} holds no image and no PDF" in done.output


@pytest.mark.parametrize(
    ("error", "status", "output"),
    [
        (CompareError("The model does not load."), 2, "Not compared: The model does not load.\n"),
        (PackingError(), 2, ""),
        (OSError(28, "No space left on device"), 2, "Not compared: [Errno 28] No space left on device\n"),
        (KeyboardInterrupt(), 130, "Interrupted: nothing was compared, and both containers have ended.\n"),
    ],
)
def test_a_failure_is_not_a_difference(
    error: BaseException, status: int, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(model_compare, "make_side", fails)

    done = run("pytorch-1.11", "pytorch-2.6", "--samples", SAMPLES)

    assert (done.exit_code, done.output) == (status, output)
