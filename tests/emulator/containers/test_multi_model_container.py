"""Real containers of Multi Model Server, with the packed modules that batch in front of a model."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from async_endpoint.emulator.containers import ports
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerFailed
from async_endpoint.emulator.containers.health import Health
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import IMAGES
from tests.emulator.containers.helpers import eventually, living, of_program, process_tree, write_archive
from tests.emulator.containers.packed_code import batching_archive
from tests.support.serving import serving_environment

pytestmark = pytest.mark.serving

READY_SECONDS = 120.0
TIMEOUT_SECONDS = 10  # of a load, too
BATCH = 8
# What a stage sets, but for a slower batch: requests that come together are not there at the same millisecond.
VARIABLES = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": str(2 * BATCH),
    "MODEL_BATCH_SIZE": str(BATCH),
    "MODEL_BATCH_DELAY_MS": "400",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(TIMEOUT_SECONDS),
    "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": "60",
    "MMS_MAX_REQUEST_SIZE": "20000000",
    "MMS_MAX_RESPONSE_SIZE": "200000",
}
Launch = Callable[..., ModelContainer]


@pytest.fixture(scope="module")
def container(launch_hugging_face: Launch) -> ModelContainer:
    instance = launch_hugging_face(batching_archive(), VARIABLES)
    instance.wait_ready(READY_SECONDS)
    return instance


def invoke(instance: ModelContainer, body: str, **headers: Any) -> ContainerResponse:
    return instance.invoke(Invocation(body.encode(), content_type="image/png", timeout=60, **headers))


def invoke_all(instance: ModelContainer, bodies: list[str]) -> list[ContainerResponse]:
    """The responses to requests that are sent at once, in their order."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(lambda body: invoke(instance, body), bodies))


def told(answer: ContainerResponse) -> "dict[str, Any]":
    assert answer.status == 200, answer.body
    said: dict[str, Any] = json.loads(answer.body)
    return said


def test_it_returns_the_result_of_the_archives_model(container: ModelContainer) -> None:
    answer = invoke(container, "one", accept="application/jsonlines", custom_attributes="task_prompt=<s>")
    assert answer.content_type == "application/jsonlines"
    said = told(answer)
    environment = said.pop("environment")
    assert said | {"process": 0} == {
        "model": "some weights",
        "body": "one",
        "length": 3,
        "together": 1,
        "process": 0,
        "content_type": "image/png",
        "attributes": "task_prompt=<s>",
    }
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1", "those that hold a model"
    assert container.ping()
    assert container.health() is Health.READY


def test_one_process_has_the_model_whatever_number_of_workers(container: ModelContainer) -> None:
    assert len(of_program(container.pid, "model_process.py")) == 1
    # And the backend that forked them.
    assert len(of_program(container.pid, "model_service_worker.py")) == 2 * BATCH + 1


def invoke_while_busy(instance: ModelContainer, bodies: list[str]) -> list[ContainerResponse]:
    """The responses to requests that all wait when the model is done with another one."""
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(invoke, instance, "sleep 7")
        time.sleep(1.5)  # the model has it
        answers = invoke_all(instance, bodies)
        assert busy.result().status == 200
    return answers


def test_requests_that_wait_are_batches(container: ModelContainer) -> None:
    bodies = [str(number) for number in range(2 * BATCH - 1)]  # a worker each, and one has the model busy
    answers = [told(each) for each in invoke_while_busy(container, bodies)]
    assert [each["body"] for each in answers] == bodies
    assert Counter(each["together"] for each in answers) == {BATCH: BATCH, BATCH - 1: BATCH - 1}


def test_one_bad_request_fails_alone(container: ModelContainer) -> None:
    answers = invoke_while_busy(container, ["a", "bad", *"bcdefg"])
    bad = answers.pop(1)
    assert (bad.status, bad.content_type, bad.body) == (422, "text/plain", b"This one is bad.")
    assert [told(each)["body"] for each in answers] == list("abcdefg")
    assert {told(each)["together"] for each in answers} == {BATCH}


def test_an_error_of_the_function_fails_its_batch_with_500_and_the_model_stays(container: ModelContainer) -> None:
    before = told(invoke(container, "x"))["process"]
    answer = invoke(container, "raise")
    assert (answer.status, answer.content_type) == (500, "text/plain")
    assert answer.body == b"The model server failed on this batch: its log says why."
    assert told(invoke(container, "x"))["process"] == before


def test_a_model_process_that_ends_fails_its_batch_alone_and_is_replaced(container: ModelContainer) -> None:
    before = told(invoke(container, "x"))["process"]
    with ThreadPoolExecutor(2 * BATCH) as threads:
        busy = threads.submit(invoke, container, "sleep 7")
        time.sleep(1.5)  # the model has it; the next eight wait until it is done, and are a batch
        first = [threads.submit(invoke, container, body) for body in ["sleep 6", "exit", *"abcdef"]]
        told(busy.result())
        time.sleep(1.5)  # the batch is being computed
        second = [threads.submit(invoke, container, body) for body in "hijk"]
        failed, survived = ([each.result() for each in some] for some in (first, second))
    assert {(each.status, each.content_type) for each in failed} == {(500, "text/plain")}
    assert b"ended during this batch" in failed[0].body
    assert [told(each)["body"] for each in survived] == list("hijk")
    assert told(survived[0])["process"] != before
    assert len(of_program(container.pid, "model_process.py")) == 1


def test_a_model_process_that_is_killed_while_idle_costs_no_request(container: ModelContainer) -> None:
    (process,) = of_program(container.pid, "model_process.py")
    process.kill()
    assert {each.status for each in invoke_all(container, list("abcdefgh"))} == {200}


def test_a_batch_that_hangs_is_ended_after_the_timeout(container: ModelContainer) -> None:
    (hanging,) = of_program(container.pid, "model_process.py")
    began = time.monotonic()
    answer = invoke(container, "sleep 600")
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 60
    assert (answer.status, answer.body) == (
        500, b"The model did not answer within 10 seconds, and is started again.",
    )  # fmt: skip
    assert not hanging.is_running() or hanging.status() == psutil.STATUS_ZOMBIE
    told(invoke(container, "next"))


def test_a_worker_that_dies_costs_its_request_and_not_the_model(container: ModelContainer) -> None:
    before = told(invoke(container, "x"))["process"]
    backend, *workers = sorted(of_program(container.pid, "model_service_worker.py"), key=psutil.Process.create_time)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(invoke, container, "sleep 4")
        time.sleep(1.5)  # a worker has it
        for worker in workers:
            worker.kill()
        died = waiting.result()
    assert (died.status, json.loads(died.body)["message"]) == (500, "Worker died.")
    assert backend.is_running()
    assert eventually(lambda: len(of_program(container.pid, "model_service_worker.py")) == 2 * BATCH + 1, 20)
    # Its workers had all gone, so it has ended; or the first of their successors was there before.
    assert told(invoke(container, "x"))["process"] in {before, of_program(container.pid, "model_process.py")[0].pid}


def test_the_servers_limits_of_sizes(container: ModelContainer) -> None:
    assert told(invoke(container, "x" * 19_000_000))["length"] == 19_000_000
    too_large = invoke(container, "x" * 20_000_001)
    assert (too_large.status, too_large.body) == (413, b"")


def test_only_loopback_is_listened_on(container: ModelContainer) -> None:
    assert container.pid is not None
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for process in living(process_tree(container.pid))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


def test_two_side_by_side_end_alone_and_leave_nothing(container: ModelContainer, launch_hugging_face: Launch) -> None:
    second = launch_hugging_face(batching_archive("other weights"), VARIABLES | {"MODEL_PROCESSES": "2"})
    second.wait_ready(READY_SECONDS)
    answers = [told(each) for each in invoke_all(second, ["sleep 0.5"] * 2 * BATCH)]
    assert {each["model"] for each in answers} == {"other weights"}
    assert len({each["process"] for each in answers}) == 2, "both processes have a share"
    assert told(invoke(container, "x"))["model"] == "some weights"

    assert second.pid is not None
    tree = process_tree(second.pid)
    next(process for process in living(tree) if process.name() == "java").kill()
    with pytest.raises(ContainerDied):
        invoke(second, "sleep 3")
    assert eventually(lambda: not living(tree) and not second.alive, 10)
    assert told(invoke(container, "x"))["model"] == "some weights"


def test_what_is_in_work_is_drained_and_then_everything_ends(launch_hugging_face: Launch) -> None:
    instance = launch_hugging_face(batching_archive(), {})
    instance.wait_ready(READY_SECONDS)
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(invoke, instance, "sleep 2")
        time.sleep(0.5)
        assert instance.drain(30)
        assert told(running.result())["together"] == 1, "the default"
    assert instance.pid is not None
    tree = process_tree(instance.pid)
    instance.stop()
    assert living(tree) == []


def test_nothing_is_left_after_the_owner_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    serving, folder = serving_environment(IMAGES["huggingface-2.6"]), tmp_path_factory.mktemp("owned")
    write_archive(folder / "model.tar.gz", batching_archive())
    owner_script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from async_endpoint.emulator.containers.environment import ServingEnvironment\n"
        "from async_endpoint.emulator.containers.model_container import ModelContainer\n"
        "from async_endpoint.protocol.serving_images import IMAGES\n"
        "serving, folder = map(Path, sys.argv[1:])\n"
        "serving = ServingEnvironment(serving, IMAGES['huggingface-2.6'])\n"
        "instance = ModelContainer(folder / 'model.tar.gz', {}, serving, folder / 'work')\n"
        "instance.start()\n"
        f"instance.wait_ready({READY_SECONDS})\n"
        "print(instance.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", owner_script, serving.path, folder], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        tree = process_tree(int(owner.stdout.readline()))
        assert {"java", "python"} <= {process.name() for process in living(tree)}
        os.kill(owner.pid, signal.SIGKILL)
    assert eventually(lambda: not living(tree), 10)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [("broken", "ValueError: weights of another shape"), ("exit", r".*its process ended \(exit status 7\)")],
)
def test_a_model_that_cannot_be_loaded_ends_the_server_and_is_reported(
    launch_hugging_face: Launch, weights: str, reason: str
) -> None:
    instance = launch_hugging_face(batching_archive(weights), VARIABLES)
    with pytest.raises(ContainerFailed, match=f"could not be loaded: {reason} "):
        instance.wait_ready(READY_SECONDS)
    assert eventually(lambda: not instance.alive, 10), "where /ping is always 200, nothing else tells SageMaker"


def test_a_port_taken_by_another_program_means_another_port(
    launch_hugging_face: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = ports.reserve
    taken = reserve(1)
    with socket.create_server(("127.0.0.1", taken[0])):
        choices = iter([taken])
        monkeypatch.setattr(ports, "reserve", lambda count: next(choices, None) or reserve(count))
        instance = launch_hugging_face(batching_archive(), {})
        instance.wait_ready(READY_SECONDS)
    assert told(invoke(instance, "x"))["body"] == "x"
    assert (instance.workdir / "container.1.log").exists()
