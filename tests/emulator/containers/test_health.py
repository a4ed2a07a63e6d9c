"""A busy worker is told from a dead one: the judgement by itself, then real workers that sleep, are killed and fail."""

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.health import Health, Workers
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.containers.torchserve import load_timeout, response_timeout
from tests.emulator.containers.helpers import eventually, of_program, process_tree

READY_SECONDS = 90.0

INFERENCE = """
import os, time

def model_fn(model_dir):
    if os.path.exists(os.path.join(model_dir, "broken")):
        raise ValueError("the weights are gone")
    return model_dir

def input_fn(body, content_type):
    return float(body)

def predict_fn(seconds, model):
    time.sleep(seconds)
    return str(os.getpid())

def output_fn(prediction, accept):
    return prediction
"""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


TIMEOUTS = {
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": "2",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "4",
    "TS_DEFAULT_RESPONSE_TIMEOUT": "6",
    "SAGEMAKER_TS_BATCH_SIZE": "8",
    "SAGEMAKER_TS_MAX_BATCH_DELAY": "10",
    "SAGEMAKER_TS_MIN_WORKERS": "12",
    "SAGEMAKER_TS_MAX_WORKERS": "14",
}
LIMITS = Path(__file__).parents[3] / "model_artifacts" / "code" / "limits.py"


FIRST, SECOND = "0.6.0", "0.12.0"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 60),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "240"}, 240),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "240", "TS_DEFAULT_RESPONSE_TIMEOUT": "30"}, 30),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "240", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "90"}, 90),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "240", "SAGEMAKER_TS_BATCH_SIZE": "8"}, 60),
        ({"TS_DEFAULT_STARTUP_TIMEOUT": "5"}, 60),
    ],
)
def test_a_response_may_take_as_long_as_the_variables_say(environment: dict[str, str], seconds: int) -> None:
    assert response_timeout(environment, FIRST) == seconds
    assert load_timeout(environment, FIRST) == seconds


@pytest.mark.parametrize(
    ("environment", "response", "load"),
    [
        ({}, 120, 120),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "5"}, 120, 120),
        ({"TS_DEFAULT_RESPONSE_TIMEOUT": "30", "TS_DEFAULT_STARTUP_TIMEOUT": "240"}, 30, 240),
        ({"TS_DEFAULT_RESPONSE_TIMEOUT": "30", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "90"}, 90, 120),
        ({"TS_DEFAULT_RESPONSE_TIMEOUT": "30", "SAGEMAKER_TS_MIN_WORKERS": "1"}, 60, 120),
    ],
)
def test_torchserve_0_12_has_limits_of_its_own(environment: dict[str, str], response: int, load: int) -> None:
    assert (response_timeout(environment, SECOND), load_timeout(environment, SECOND)) == (response, load)


def test_the_packed_code_takes_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("limits", LIMITS)
    assert spec is not None
    assert spec.loader is not None
    limits = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "limits", limits)
    spec.loader.exec_module(limits)
    for count in range(len(TIMEOUTS) + 1):
        for names in combinations(TIMEOUTS, count):
            environment = {name: TIMEOUTS[name] for name in names}
            for name in TIMEOUTS:
                monkeypatch.delenv(name, raising=False)
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            allowed = response_timeout(environment, FIRST)
            assert limits.Limits.from_environment().batch_seconds * 2 == allowed, environment


def test_workers_without_the_model_are_dead_when_a_load_would_have_ended() -> None:
    clock = Clock()
    workers = Workers(240, clock)
    assert workers.judge(have_model=True) is Health.READY
    clock.now = 1000
    assert workers.judge(have_model=False) is Health.LOADING
    clock.now += 240
    assert workers.judge(have_model=False) is Health.LOADING
    clock.now += 1
    assert workers.judge(have_model=False) is Health.DEAD


def test_a_load_that_succeeds_begins_the_count_anew() -> None:
    clock = Clock()
    workers = Workers(60, clock)
    workers.judge(have_model=False)
    clock.now = 50
    workers.judge(have_model=True)
    clock.now = 100
    assert workers.judge(have_model=False) is Health.LOADING


@pytest.mark.serving
def test_a_sleeping_worker_is_busy_a_killed_one_comes_back_and_one_that_cannot_load_is_dead(
    launch: Callable[..., ModelContainer],
) -> None:
    limits = {"SAGEMAKER_TS_RESPONSE_TIMEOUT": "5", "TS_DEFAULT_STARTUP_TIMEOUT": "5"}
    instance = launch({"code/inference.py": INFERENCE, "my_model/model.pth": "weights"}, limits)
    instance.wait_ready(READY_SECONDS)

    def worker() -> int:
        return int(instance.invoke(Invocation(b"0", timeout=30)).body)

    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(instance.invoke, Invocation(b"1.5", timeout=30))
        while not busy.done():
            assert instance.health() is Health.READY
            time.sleep(0.1)
    first = worker()

    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: instance.health() is not Health.READY, 5)
    assert eventually(lambda: instance.health() is Health.READY, READY_SECONDS)
    second = worker()
    assert second != first

    (instance.workdir / "ml" / "model" / "broken").touch()
    os.kill(second, signal.SIGKILL)
    assert eventually(lambda: instance.health() is Health.DEAD, 60)
    assert instance.alive
    assert instance.ping(), "TorchServe itself still answers"


@pytest.mark.serving
def test_a_request_that_waits_for_its_batch_when_the_worker_ends_is_forgotten(
    launch: Callable[..., ModelContainer],
) -> None:
    batches = {"SAGEMAKER_TS_BATCH_SIZE": "2", "SAGEMAKER_TS_MAX_BATCH_DELAY": "15000"}
    instance = launch({"code/inference.py": INFERENCE, "my_model/model.pth": "weights"}, batches)
    instance.wait_ready(READY_SECONDS)

    def invoke() -> int:
        return instance.invoke(Invocation(b"0", timeout=30)).status

    with ThreadPoolExecutor(3) as threads:
        forgotten = threads.submit(invoke)
        time.sleep(5)  # it waits for a second one
        (worker,) = of_program(instance.pid, "model_service_worker.py")
        worker.kill()
        assert eventually(lambda: bool(set(of_program(instance.pid, "model_service_worker.py")) - {worker}), 60)
        later = [threads.submit(invoke) for _ in range(2)]
        assert [each.result() for each in later] == [200, 200]
        with pytest.raises(ContainerTimeout):
            forgotten.result()


@pytest.mark.serving
def test_a_drained_container_ends_what_it_has_and_takes_no_more(launch: Callable[..., ModelContainer]) -> None:
    instance = launch({"code/inference.py": INFERENCE, "my_model/model.pth": "weights"})
    instance.wait_ready(READY_SECONDS)
    assert instance.pid is not None
    tree = process_tree(instance.pid)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(instance.invoke, Invocation(b"3", timeout=30)) for _ in range(2)]
        time.sleep(1)  # both are on their way
        assert not instance.drain(0.01)
        with pytest.raises(ContainerDied, match="takes no more requests"):
            instance.invoke(Invocation(b"0", timeout=30))
        assert instance.drain(30)
        instance.stop()
        assert [each.result().status for each in running] == [200, 200]
    assert instance.health() is Health.DEAD
    assert not any(process.is_running() for process in tree)
