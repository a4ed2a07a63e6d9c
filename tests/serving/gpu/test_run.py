"""What is taken to a machine with a GPU: it installs from its own wheels, says when there is no GPU, and compares."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from async_endpoint.operations.model.compare_results import IGNORED, Rules, compare_results
from async_endpoint.protocol.serving_images import IMAGES
from tests.serving.gpu import bundle, run
from tests.support.serving import serving_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from async_endpoint.emulator.containers.environment import ServingEnvironment

SAMPLES = 8


def report(total: str = "1.00", confidence: float = 0.9, **changes: Any) -> dict[str, Any]:
    page = {"page": 1, "confidence": {"total": confidence}, "seconds": 0.1, "read_together": 1}
    result = {"predictions": [{"total": total}], "pages": [page], "model_version": None}
    return {
        "device": "CPU",
        "precision": "float32",
        "torch": "2.6.0",
        "load_seconds": 1.5,
        "results": {"a.jpg": result},
        "documents_per_second": {"1": 20.0, "16": 30.0},
        "memory_mb": 400,
        **changes,
    }


def compared(cpu: dict[str, Any], other: dict[str, Any]) -> tuple[int, str]:
    rules = Rules(run.TOLERANCE, run.IGNORED)
    status, lines = run.compared(cpu, other, lambda old, new: compare_results(old, new, rules))
    return status, "\n".join(lines)


def test_the_same_is_left_out_as_of_any_comparison() -> None:
    assert run.IGNORED == IGNORED


def test_equal_fields_and_near_confidences_are_the_same_with_speed_and_memory_beside_each_other() -> None:
    status, text = compared(report(), report(confidence=0.905, device="A100", gpu_memory_mb=700))

    assert status == 0
    assert "documents a second, 16 at once                   30.0                     30.0\n" in text
    assert "memory of the GPU, MB                               -                      700\n" in text
    assert "1 of 1 documents have equal fields, and confidences within 0.02.\n" in text
    assert text.endswith("The largest difference between two numbers is 0.0050 (a.jpg, pages[0].confidence.total).")


@pytest.mark.parametrize("other", [report("1.08"), report(confidence=0.93)])
def test_another_field_or_a_far_confidence_differs(other: dict[str, Any]) -> None:
    status, text = compared(report(), other)

    assert status == 1
    assert "0 of 1 documents have equal fields" in text
    assert "\n  a.jpg, p" in text


@pytest.mark.parametrize("results", [{}, {"a.jpg": {"error": "no page"}}])
def test_no_results_are_no_comparison(results: dict[str, Any]) -> None:
    status, text = compared(report(results=results), report(results=results))

    assert status == 2
    assert "That is no comparison of all results" in text


@pytest.fixture(scope="module")
def serving() -> ServingEnvironment:
    return serving_environment(IMAGES[bundle.IMAGE])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of a bundle but the wheels, for which the serving environment stands in."""
    folder = tmp_path_factory.mktemp("bundle")
    bundle.copy_files(folder, SAMPLES)
    bundle.unpack_model(folder / "model")
    return folder


@pytest.fixture(scope="module")
def run_there(folder: Path, serving: ServingEnvironment) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run_there(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(folder / "run.py"), "--python", str(serving.python), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    return run_there


@pytest.mark.serving
@pytest.mark.parametrize("device", ["cpu", "half"])
def test_the_handlers_give_the_same_on_the_cpu_once_more_and_in_half_precision(
    run_there: Callable[..., subprocess.CompletedProcess[str]], device: str
) -> None:
    done = run_there("--device", device)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SAMPLES} of {SAMPLES} documents have equal fields" in done.stdout
    precision = "float16" if device == "half" else "float32"
    assert f"precision                                     float32                  {precision}\n" in done.stdout


@pytest.mark.serving
def test_a_machine_without_a_gpu_says_so_and_compares_nothing(
    run_there: Callable[..., subprocess.CompletedProcess[str]], serving: ServingEnvironment
) -> None:
    if not run.why_no_gpu(str(serving.python)):
        pytest.skip("there is a CUDA device")

    done = run_there()

    assert done.returncode == 2
    assert done.stdout == (
        "Skipped, nothing was compared: torch 2.6.0+cu124 (CUDA 12.4) finds no CUDA device on this machine.\n"
    )


@pytest.mark.serving
def test_a_gpu_in_half_precision_gives_what_the_cpu_gives(
    run_there: Callable[..., subprocess.CompletedProcess[str]], serving: ServingEnvironment
) -> None:
    if reason := run.why_no_gpu(str(serving.python)):
        pytest.skip(f"{reason} tests/serving/gpu/bundle.py makes a folder for a machine that has one.")

    done = run_there()

    print(done.stdout)  # speed and memory
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.serving
def test_a_bundle_installs_from_its_own_wheels_alone(
    serving: ServingEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = {"torch", "numpy", "scipy", "pillow", "botocore", "boto3", "sympy", "networkx"}
    bundle.fetch_wheels(tmp_path / "wheels", left_out, str(serving.python))
    bundle.copy_files(tmp_path, 1)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")  # nobody listens there

    done = subprocess.run(
        [serving.python.resolve(), tmp_path / "run.py"], capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 2, done.stderr
    assert done.stdout == (
        "Skipped, nothing was compared: torch cannot be imported (ModuleNotFoundError: No module named 'torch').\n"
    )
    assert "Installing the wheels ..." in done.stderr
