from pathlib import Path

import pytest

from async_endpoint.emulator.containers import container_log

START = "2026-11-22T10:24:00,490 [INFO ] W-9000-model_1.0-stdout MODEL_LOG - "
ENDED = (
    "2026-11-22T10:24:00,669 [INFO ] W-9000-model_1.0-stdout org.pytorch.serve.wlm.WorkerLifeCycle"
    " - Stopped Scanner - W-9000-model_1.0-stdout"
)
TIMED_OUT = (
    "org.pytorch.serve.wlm.WorkerInitializationException: Backend worker did not respond in given time\n"
    "\tat org.pytorch.serve.wlm.WorkerThread.run(WorkerThread.java:258) [model-server.jar:?]"
)
TRACEBACK = ("Traceback (most recent call last):", '  File "inference.py", line 1', "ValueError: wrong shape")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


def worker(*lines: str) -> str:
    return "".join(f"{START}{line}\n" for line in lines)


def test_no_failure_while_the_worker_runs(log: Path) -> None:
    assert container_log.load_failure(log) is None
    log.write_text(worker("Torch worker started.", "Traceback (most recent call last):", "ValueError: handled"))
    assert container_log.load_failure(log) is None


def test_the_models_exception_is_the_reason(log: Path) -> None:
    log.write_text(f"{worker(*TRACEBACK)}{ENDED}\n{worker('Torch worker started.')}")
    assert container_log.load_failure(log) == "ValueError: wrong shape"


def test_torchserves_own_exception_is_not_taken_for_the_models(log: Path) -> None:
    models = worker("Traceback (most recent call last):", "    raise RuntimeError", "RuntimeError: no weights")
    own = worker("Traceback (most recent call last):", "    raise", "RuntimeError: 500 - Unknown exception")
    log.write_text(models + own + ENDED)
    assert container_log.load_failure(log) == "RuntimeError: no weights"


def test_a_load_that_takes_too_long_names_the_setting(log: Path) -> None:
    log.write_text(f"{worker('Torch worker started.')}{TIMED_OUT}\n{ENDED}\n")
    assert "SAGEMAKER_MODEL_SERVER_TIMEOUT" in (container_log.load_failure(log) or "")


def test_what_torchserve_did_not_read_of_one_worker_the_next_may_tell(log: Path) -> None:
    cut = worker("Torch worker started.", "Traceback (most recent call last):", '  File "inference.py", line 1')
    log.write_text(f"{cut}{ENDED}\n{cut}{ENDED}\n{worker('Torch worker started.')}")
    assert container_log.load_failure(log) is None
    with log.open("a") as opened:
        opened.write(f"{worker(*TRACEBACK)}{ENDED}\n{cut}{ENDED}\n")
    assert container_log.load_failure(log) == "ValueError: wrong shape"


def test_two_workers_that_print_at_once_are_kept_apart(log: Path) -> None:
    first = worker(*TRACEBACK).splitlines(keepends=True)
    second = worker("Torch worker started.", "a line").replace("W-9000", "W-9001").splitlines(keepends=True)
    log.write_text("".join([*first[:2], *second, *first[2:]]) + ENDED)
    assert container_log.load_failure(log) == "ValueError: wrong shape"


def test_workers_that_just_end_are_said_to(log: Path) -> None:
    life = f"{worker('Torch worker started.')}{ENDED}\n"
    log.write_text(life * 4)
    assert container_log.load_failure(log) is None
    log.write_text(life * 5)
    assert container_log.load_failure(log) == "its worker process ended without an exception"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ERROR: No matching distribution found for a==1\nTraceback (most recent call last):\nValueError: b\n",
         "No matching distribution found for a==1"),
        ("Traceback (most recent call last):\n  x\nOSError: disk full\nbye\n", "OSError: disk full"),
        ("java.io.IOException: Failed to bind\n\tat a.b(C.java:1)\nCaused by: x.YError: bind\n\tat d.e(F.java:2)\n",
         "java.io.IOException: Failed to bind"),
        ("some words\n  more\n\n", "some words"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_the_reason_of_a_containers_end(log: Path, text: str, reason: str) -> None:
    log.write_text(text)
    assert container_log.end_reason(log) == reason


def test_a_port_clash_differs_from_other_failures(log: Path) -> None:
    log.write_text("io.netty.channel.unix.Errors$NativeIoException: bind(..) failed: Address already in use\n")
    assert container_log.port_clash(log)
    log.write_text("Model server started.\n")
    assert not container_log.port_clash(log)
