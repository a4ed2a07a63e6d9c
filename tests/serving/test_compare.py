"""`model compare` on a small model and on copies of it that differ in one thing, in real containers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from async_endpoint.protocol.serving_images import IMAGES, ImageName
from tests.emulator.containers.helpers import of_program
from tests.support.serving import ENVIRONMENTS, serving_environment

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.serving

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "samples" / "tiny_classifier"
OLD = "pytorch-1.11"
DOCUMENTS = 6
# A shell has what it runs in the background ignore SIGINT, and Python leaves that as it is.
PROGRAM = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from async_endpoint.cli import main"
COMMAND = [sys.executable, "-c", f"{PROGRAM}; main()", "model", "compare"]
WEIGHTS = """
import sys, torch
weights = torch.load(sys.argv[1])
name = next(iter(weights))
weights[name] = weights[name] + 0.01
torch.save(weights, sys.argv[1])
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    lines = (EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines[:DOCUMENTS]):
        (folder / f"{index}.json").write_text(json.dumps(json.loads(line)["request"]), encoding="utf-8")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the example, to change."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "model", ignore=shutil.ignore_patterns("__pycache__")))


def arguments(samples: Path, *options: object, old: str = OLD, new: str = OLD) -> list[str]:
    known = ("--samples", samples, "--pattern", "*.json", "--content-type", "application/json", "--folder", EXAMPLE)
    return [*COMMAND, old, new, *map(str, known), *map(str, options)]


def environment() -> dict[str, str]:
    return {**os.environ, "ASYNC_ENDPOINT_SERVING_ENV": str(ENVIRONMENTS.path), "PYTHONPATH": str(ROOT / "src")}


def compare(samples: Path, *options: object, old: str = OLD, new: str = OLD) -> tuple[int, dict[str, Any], str]:
    """Runs the command; returns its exit status, its JSON, and what it says on standard error."""
    done = subprocess.run(
        [*arguments(samples, *options, old=old, new=new), "--json"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_a_model_gives_the_same_results_as_itself(samples: Path) -> None:
    status, found, progress = compare(samples)

    assert status == 0, (found, progress)
    assert found["verdict"] == "the same"
    assert [(each["sent"], each["equal"]) for each in found["comparisons"]] == [("one at a time", DOCUMENTS)]
    for side in (found["old"], found["new"]):
        assert side["statuses"] == {"200": DOCUMENTS}
        assert side["first_result_seconds"] >= side["load_seconds"] > 0
        assert 300 < side["peak_memory_mb"] < 2000
        assert side["documents_at_once"] == 1
    assert f"sent one at a time: {DOCUMENTS}/{DOCUMENTS}" in progress


@pytest.mark.parametrize("new", IMAGES)
def test_the_donut_gives_the_same_results_on_each_image_alone_and_in_batches(tmp_path: Path, new: ImageName) -> None:
    serving_environment(IMAGES[new])
    for index in range(DOCUMENTS):
        shutil.copy(ROOT / "samples" / "receipts" / f"receipt-{index:03d}.jpg", tmp_path)
    options: tuple[object, ...] = ("--samples", tmp_path, "--pattern", "*.jpg", "--content-type", "image/jpeg")

    # Of either server; their limits of a response are those of a load, too, which a busy machine takes long for.
    limits = ("SAGEMAKER_TS_RESPONSE_TIMEOUT=240", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=240")
    for variable in ("SAGEMAKER_TS_BATCH_SIZE=4", "MODEL_BATCH_SIZE=4", *limits):
        options += ("--environment", variable)

    status, found, progress = compare(tmp_path, *options, "--folder", ROOT / "model_artifacts", new=new)

    assert status == 0, (found, progress)
    assert [(each["sent"], each["equal"]) for each in found["comparisons"]] == [
        ("one at a time", DOCUMENTS),
        ("at once", DOCUMENTS),
    ]
    assert found["comparisons"][0]["left_out"] == dict.fromkeys(
        ("model_version", "seconds", "read_together"), DOCUMENTS
    )
    assert found["comparisons"][0]["fields"] > 6 * DOCUMENTS
    assert found["new"]["image"] == (f"{new} NEW" if new == OLD else new)
    for side in (found["old"], found["new"]):
        assert side["documents_per_second"]["at once"] > 0
        assert side["documents_at_once"] == 4
        assert side["unsteady_documents"] == 0


def test_other_weights_are_found_as_numbers_that_differ(samples: Path, model: Path) -> None:
    subprocess.run([serving_environment().python, "-c", WEIGHTS, model / "my_model" / "model.pth"], check=True)

    status, found, _ = compare(samples, "--new-folder", model, "--tolerance", "0")

    assert (status, found["verdict"]) == (1, "different")
    alone = found["comparisons"][0]
    assert {each["field"] for each in alone["differences"]} <= {"confidence", "shape"}
    assert 0 < alone["largest"] < 0.5
    assert alone["largest_at"] == "confidence"
    assert alone["largest_in"].endswith(".json")


def test_a_renamed_field_is_found_on_both_sides(samples: Path, model: Path) -> None:
    change(model, lambda text: text.replace('return {"shape":', 'return {"form":'))

    status, found, _ = compare(samples, "--new-folder", model)

    assert status == 1
    differences = found["comparisons"][0]["differences"]
    assert [each["field"] for each in differences] == ["shape", "form"] * DOCUMENTS
    assert "new" not in differences[0]
    assert "old" not in differences[1]


def test_a_document_that_fails_on_one_side_is_found(samples: Path, model: Path) -> None:
    wanted = json.loads((samples / "3.json").read_text(encoding="utf-8"))["pixels"][0][0]
    change(
        model,
        lambda text: text.replace(
            "    return pixels[None, None]", f"    assert pixels[0, 0] != {wanted}, 'no'\n    return pixels[None, None]"
        ),
    )

    status, found, _ = compare(samples, "--new-folder", model)

    assert status == 1
    [difference] = found["comparisons"][0]["differences"]
    assert (difference["document"], difference["field"]) == ("3.json", "(status)")
    assert (difference["old"], difference["new"]) == ("200", "500: AssertionError: no")
    assert found["new"]["statuses"] == {"200": DOCUMENTS - 1, "500": 1}


def test_a_model_that_does_not_load_is_not_compared(samples: Path, model: Path) -> None:
    (model / "my_model" / "model.pth").write_bytes(b"no weights")

    status, found, messages = compare(samples, "--new-folder", model)

    assert (status, found) == (2, {})
    assert "Not compared: pytorch-1.11 NEW: The model could not be loaded: " in messages


def test_a_part_of_the_documents_and_documents_that_all_fail_are_not_the_same(samples: Path) -> None:
    status, found, _ = compare(samples, "--limit", 2)
    assert (status, found["verdict"], found["reasons"]) == (
        2, "not decided", [f"{DOCUMENTS - 2} documents of the folder were not sent"],
    )  # fmt: skip

    status, found, _ = compare(samples, "--content-type", "text/html")
    assert (status, found["verdict"]) == (2, "not decided")
    assert found["comparisons"][0]["rejected"] == DOCUMENTS


def test_ctrl_c_leaves_no_process_and_no_folder_behind(samples: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    running = subprocess.Popen(
        arguments(samples), cwd=ROOT, env={**environment(), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process = psutil.Process(running.pid)
    deadline = time.monotonic() + 120
    while not of_program(running.pid, "org.pytorch.serve.ModelServer"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    children = process.children(recursive=True)

    running.send_signal(signal.SIGINT)
    output, messages = running.communicate(timeout=60)

    assert running.returncode == 130
    assert output == ""
    assert messages.endswith("Interrupted: nothing was compared, and both containers have ended.\n")
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert list(temporary.iterdir()) == []


def change(model: Path, edit: Callable[[str], str]) -> None:
    path = model / "code" / "inference.py"
    text = path.read_text(encoding="utf-8")
    assert edit(text) != text
    path.write_text(edit(text), encoding="utf-8")
