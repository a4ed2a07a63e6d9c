"""What Multi Model Server logs, by lines as 1.1.11 prints them: who has the model, why none has, what workers print."""

import json
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.multi_model_server_log import MultiModelServerLog, load_failure, worker_lines
from async_endpoint.emulator.containers.worker_errors import DIED, NOT_LOADED, NOT_SENT

START = "2026-11-28T15:20:17,374 [INFO ] "
JAVA = "com.amazonaws.ml.mms.wlm"
BACKEND = f"{START}W-9000-model-stdout {JAVA}.WorkerLifeCycle - "
WORKER = f"{START}W-model-1-stdout {JAVA}.WorkerLifeCycle - "
LOADED = f"{BACKEND}Model model loaded io_fd=02fc00fffe000001-00007d44-00000002-332637301f1a2884-{{0}}\n"
GONE = f"{START}epollEventLoopGroup-4-1 {JAVA}.WorkerThread - 9000-{{0}} Worker disconnected. WORKER_MODEL_LOADED\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "worker-errors.jsonl"


def add(log: Path, *lines: str) -> None:
    with log.open("a") as opened:
        opened.writelines(lines)


def report(reports: Path, error: str, kind: str) -> None:
    add(reports, json.dumps({"report": kind, "error": error, "functions": ["f"], "traceback": "a\n"}) + "\n")


def have_model(workers: MultiModelServerLog, *ids: str) -> bool:
    """As asked with the server's description, whose workers are of these ids."""
    return workers.has_model({"workers": [{"id": each, "status": "READY"} for each in ids]}, lambda _: False)


def test_a_worker_has_the_model_from_the_end_of_its_load_to_its_own(log: Path, reports: Path) -> None:
    workers = MultiModelServerLog(log, reports)
    assert not have_model(workers, "9000-6b5213b0"), "READY, and nothing is loaded"
    add(log, LOADED.format("6b5213b0"))
    assert have_model(workers, "9000-6b5213b0")
    add(log, GONE.format("6b5213b0"))
    assert not have_model(workers, "9000-6b5213b0")


def test_a_worker_that_was_started_again_is_known_by_its_latest_connection(log: Path, reports: Path) -> None:
    workers = MultiModelServerLog(log, reports)
    add(log, LOADED.format("6b5213b0"), GONE.format("6b5213b0"), LOADED.format("3e6cf5fe"))
    assert have_model(workers, "9000-6b5213b0-3e6cf5fe")
    add(log, GONE.format("6b5213b0-3e6cf5fe"))
    assert not have_model(workers, "9000-6b5213b0-3e6cf5fe")


def test_one_worker_of_several_is_enough(log: Path, reports: Path) -> None:
    workers = MultiModelServerLog(log, reports)
    add(log, LOADED.format("6b5213b0"), LOADED.format("8395b75e"), GONE.format("6b5213b0"))
    assert have_model(workers, "9000-6b5213b0", "9000-8395b75e")


def test_another_containers_workers_do_not_count(log: Path, reports: Path) -> None:
    add(log, LOADED.format("6b5213b0"))
    workers = MultiModelServerLog(log, reports)
    assert not have_model(workers, "9000-8395b75e")
    assert not workers.has_model([{"workers": []}], lambda _: True), "of another server"


def test_a_load_whose_error_was_swallowed_is_none(log: Path, reports: Path) -> None:
    report(reports, "ValueError: no weights", NOT_LOADED)
    add(log, LOADED.format("6b5213b0"))
    assert not have_model(MultiModelServerLog(log, reports), "9000-6b5213b0")
    assert load_failure(log, reports) == "ValueError: no weights"


def test_the_models_own_error_is_the_reason_and_not_that_of_the_worker_that_waited(log: Path, reports: Path) -> None:
    assert load_failure(log, reports) is None
    report(reports, "TypeError: Object of type set is not JSON serializable", NOT_SENT)
    assert load_failure(log, reports) is None
    report(reports, "ValueError: Frontend disconnected", DIED)
    assert load_failure(log, reports) is None, "the server has gone"
    report(reports, "ValueError: no weights", NOT_LOADED)
    report(reports, "model_connection.ModelLoadError: ValueError: no weights", DIED)
    assert load_failure(log, reports) == "ValueError: no weights"


def test_a_load_that_takes_too_long_names_the_setting(log: Path, reports: Path) -> None:
    add(log, f"{JAVA}.WorkerInitializationException: Backend worker did not respond in given time\n")
    assert "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS" in (load_failure(log, reports) or "")


def test_workers_that_just_end_are_said_to(log: Path, reports: Path) -> None:
    add(log, *[GONE.format(f"6b5213b{number}") for number in range(4)])
    assert load_failure(log, reports) is None
    add(log, GONE.format("6b5213b4"))
    assert load_failure(log, reports) == "its worker process ended without an exception"


# What every worker prints, as it did here.
BOILERPLATE = (
    "model_service_worker started with args: --sock-type unix --sock-name /tmp/c/.mms.sock.9000",
    "Listening on port: /tmp/c/.mms.sock.9000",
    "[PID] 31251",
    "MMS worker started.",
    "Python runtime: 3.12.1",
    "Connection accepted: /tmp/c/.mms.sock.9000.",
)


def test_the_lines_of_workers_lose_the_servers_prefix_and_its_own_lines(log: Path) -> None:
    add(log, "Model server started.\n", *(f"{BACKEND}{line}\n" for line in BOILERPLATE), LOADED.format("6b5213b0"))
    add(log, f"{BACKEND}one\n", f"{WORKER}  two\n", f"{WORKER.replace('INFO ', 'WARN ')}three\n")
    assert worker_lines(log) == ["one", "  two", "three"]
