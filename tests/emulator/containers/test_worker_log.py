"""Which workers have the model, by lines as TorchServe 0.6.0 prints them."""

from pathlib import Path

import pytest

from async_endpoint.emulator.containers.worker_log import WorkerLog

START = "2026-11-28T05:41:48,524 [INFO ] "
WORKER = f"{START}W-900{{0}}-model_1.0 "
CONNECTED = f"{WORKER}org.pytorch.serve.wlm.WorkerThread - Connecting to: /tmp/.ts.sock.900{{0}}\n"
LOADED = f"{WORKER}TS_METRICS - W-900{{0}}-model_1.0.ms:3754|#Level:Host|#hostname:vm,timestamp:1795844508\n"
DIED = (
    f"{START}epollEventLoopGroup-5-1 org.pytorch.serve.wlm.WorkerThread"
    " - 900{0} Worker disconnected. WORKER_MODEL_LOADED\n"
)
GIVEN_UP = (
    "2026-11-28T05:41:52,179 [ERROR] W-900{0}-model_1.0 org.pytorch.serve.wlm.WorkerThread - Backend worker error\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


def add(log: Path, *lines: str) -> None:
    with log.open("a") as opened:
        opened.writelines(lines)


def test_a_worker_that_is_there_has_the_model_only_when_its_load_has_ended(log: Path) -> None:
    workers = WorkerLog(log)
    assert not workers.has_model()
    add(log, CONNECTED.format(0))
    assert not workers.has_model()
    add(log, LOADED.format(0))
    assert workers.has_model()
    assert workers.has_model(), "nothing new was printed"


@pytest.mark.parametrize("end", [DIED, GIVEN_UP])
def test_a_worker_that_ends_has_it_no_more_until_it_has_loaded_again(log: Path, end: str) -> None:
    workers = WorkerLog(log)
    add(log, LOADED.format(0), end.format(0))
    assert not workers.has_model()
    add(log, CONNECTED.format(0))
    assert not workers.has_model()
    add(log, LOADED.format(0))
    assert workers.has_model()


def test_one_worker_of_several_is_enough(log: Path) -> None:
    workers = WorkerLog(log)
    add(log, LOADED.format(0), LOADED.format(1), DIED.format(0))
    assert workers.has_model()
    add(log, DIED.format(1))
    assert not workers.has_model()


def test_a_line_counts_when_it_is_whole(log: Path) -> None:
    workers = WorkerLog(log)
    line = LOADED.format(0)
    add(log, line[:60])
    assert not workers.has_model()
    add(log, line[60:])
    assert workers.has_model()


def test_a_models_own_output_is_ignored(log: Path) -> None:
    printed = f"{START}W-9000-model_1.0-stdout MODEL_LOG - "
    add(log, printed + LOADED.format(0), "W-9000-model_1.0 TS_METRICS - W-9000-model_1.0.ms:1\n")
    add(log, f"{WORKER.format(0)}TS_METRICS - QueueTime.ms:1|#Level:Host\n")
    assert not WorkerLog(log).has_model()
