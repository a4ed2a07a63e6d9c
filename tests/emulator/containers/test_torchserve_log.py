"""What TorchServe logs, by lines as 0.6.0 prints them: who has the model, why none has, and what workers print."""

import json
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.container_log import WorkerError, reported_errors
from async_endpoint.emulator.containers.torchserve_log import TorchServeLog, load_failure, worker_lines
from async_endpoint.emulator.containers.worker_errors import DIED, NOT_SENT

START = "2026-11-28T05:41:48,524 [INFO ] "
WORKER = f"{START}W-900{{0}}-model_1.0 "
CONNECTED = f"{WORKER}org.pytorch.serve.wlm.WorkerThread - Connecting to: /tmp/.ts.sock.900{{0}}\n"
LOADED = f"{WORKER}TS_METRICS - W-900{{0}}-model_1.0.ms:3754|#Level:Host|#hostname:vm,timestamp:1795844508\n"
GONE = (
    f"{START}epollEventLoopGroup-5-1 org.pytorch.serve.wlm.WorkerThread"
    " - 900{0} Worker disconnected. WORKER_MODEL_LOADED\n"
)
GIVEN_UP = (
    "2026-11-28T05:41:52,179 [ERROR] W-900{0}-model_1.0 org.pytorch.serve.wlm.WorkerThread - Backend worker error\n"
)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "worker-errors.jsonl"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


def add(log: Path, *lines: str) -> None:
    with log.open("a") as opened:
        opened.writelines(lines)


def have_model(workers: TorchServeLog, owned: int = 7) -> bool:
    """As asked with TorchServe's description of its workers, of which 7 is the container's own."""
    return workers.has_model([{"workers": [{"pid": 7}, {"pid": 8}]}], lambda pid: pid == owned)


def test_a_worker_that_is_there_has_the_model_only_when_its_load_has_ended(log: Path) -> None:
    workers = TorchServeLog(log)
    assert not have_model(workers)
    add(log, CONNECTED.format(0))
    assert not have_model(workers)
    add(log, LOADED.format(0))
    assert have_model(workers)
    assert have_model(workers), "nothing new was printed"


@pytest.mark.parametrize("end", [GONE, GIVEN_UP])
def test_a_worker_that_ends_has_it_no_more_until_it_has_loaded_again(log: Path, end: str) -> None:
    workers = TorchServeLog(log)
    add(log, LOADED.format(0), end.format(0))
    assert not have_model(workers)
    add(log, CONNECTED.format(0))
    assert not have_model(workers)
    add(log, LOADED.format(0))
    assert have_model(workers)


def test_one_worker_of_several_is_enough(log: Path) -> None:
    workers = TorchServeLog(log)
    add(log, LOADED.format(0), LOADED.format(1), GONE.format(0))
    assert have_model(workers)
    add(log, GONE.format(1))
    assert not have_model(workers)


def test_a_line_counts_when_it_is_whole(log: Path) -> None:
    workers = TorchServeLog(log)
    line = LOADED.format(0)
    add(log, line[:60])
    assert not have_model(workers)
    add(log, line[60:])
    assert have_model(workers)


def test_a_models_own_output_is_ignored(log: Path) -> None:
    printed = f"{START}W-9000-model_1.0-stdout MODEL_LOG - "
    add(log, printed + LOADED.format(0), "W-9000-model_1.0 TS_METRICS - W-9000-model_1.0.ms:1\n")
    add(log, f"{WORKER.format(0)}TS_METRICS - QueueTime.ms:1|#Level:Host\n")
    assert not have_model(TorchServeLog(log))


def test_another_containers_workers_do_not_count(log: Path) -> None:
    add(log, LOADED.format(0))
    workers = TorchServeLog(log)
    assert have_model(workers)
    assert not have_model(workers, owned=9)
    assert not workers.has_model({"code": 404}, lambda _: True)


PRINTED = "2026-11-22T10:24:00,490 [INFO ] W-9000-model_1.0-stdout MODEL_LOG - "
STOPPED = (
    "2026-11-22T10:24:00,669 [INFO ] W-9000-model_1.0-stdout org.pytorch.serve.wlm.WorkerLifeCycle"
    " - Stopped Scanner - W-9000-model_1.0-stdout"
)
TIMED_OUT = (
    "org.pytorch.serve.wlm.WorkerInitializationException: Backend worker did not respond in given time\n"
    "\tat org.pytorch.serve.wlm.WorkerThread.run(WorkerThread.java:258) [model-server.jar:?]"
)


def worker(*lines: str) -> str:
    return "".join(f"{PRINTED}{line}\n" for line in lines)


def report(reports: Path, error: str, kind: str = DIED) -> None:
    with reports.open("a") as opened:
        opened.write(json.dumps({"report": kind, "error": error, "functions": ["f"], "traceback": "a\nb\n"}) + "\n")


def test_no_failure_while_the_worker_runs(log: Path, reports: Path) -> None:
    assert load_failure(log, reports) is None
    log.write_text(worker("Torch worker started.", "Traceback (most recent call last):", "ValueError: handled"))
    assert load_failure(log, reports) is None


def test_what_the_worker_died_of_is_the_reason_whatever_torchserve_read_of_it(log: Path, reports: Path) -> None:
    log.write_text(f"{worker('Torch worker started.', 'Backend worker process died.')}{STOPPED}\n")
    report(reports, "ValueError: wrong shape")
    assert load_failure(log, reports) == "ValueError: wrong shape"
    assert reported_errors(reports) == [WorkerError(DIED, "ValueError: wrong shape", ("f",), ("a", "b"))]


def test_an_answer_that_could_not_be_sent_is_no_failure_of_the_load(log: Path, reports: Path) -> None:
    report(reports, "TypeError: Object of type set is not JSON serializable", NOT_SENT)
    assert load_failure(log, reports) is None


def test_a_load_that_takes_too_long_names_the_setting(log: Path, reports: Path) -> None:
    timed_out = f"{worker('Torch worker started.')}{TIMED_OUT}\n{STOPPED}\n"
    log.write_text(f"Torchserve version: 0.6.0\n{timed_out}")
    assert "SAGEMAKER_MODEL_SERVER_TIMEOUT" in (load_failure(log, reports) or "")
    log.write_text(f"Torchserve version: 0.12.0\n{timed_out}")
    reason = load_failure(log, reports)
    assert reason == "it did not load within the time that TorchServe allows (TS_DEFAULT_STARTUP_TIMEOUT, seconds)"


def test_workers_that_just_end_are_said_to(log: Path, reports: Path) -> None:
    life = f"{worker('Torch worker started.')}{STOPPED}\n"
    log.write_text(life * 4)
    assert load_failure(log, reports) is None
    log.write_text(life * 5)
    assert load_failure(log, reports) == "its worker process ended without an exception"


# What every worker of TorchServe prints, as it did here.
BOILERPLATE = (
    "Listening on port: /tmp/container-olmlo8lz/.ts.sock.9000",
    "[PID]25182",
    "Torch worker started.",
    "Python runtime: 3.8.18",
    "Connection accepted: /tmp/container-olmlo8lz/.ts.sock.9000.",
    "model_name: model, batchSize: 1",
    "Backend received inference at: 1795873596",
    "Frontend disconnected.",
    # 0.12.0's besides.
    "s_name_part0=/tmp/container-nqn65toc/.ts.sock, s_name_part1=9000, pid=4531",
    "Successfully loaded /a/lib/python3.12/site-packages/ts/configs/metrics.yaml.",
)


def test_the_lines_of_workers_lose_torchserves_prefix_and_its_own_lines(log: Path) -> None:
    log.write_text(f"Model server started.\n{worker(*BOILERPLATE, 'one', '  two')}{STOPPED}\n")
    assert worker_lines(log) == ["one", "  two"]
