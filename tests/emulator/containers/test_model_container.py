"""Real containers, of a tiny archive: toolkit, TorchServe and a worker that does what its input says."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from async_endpoint.emulator.containers import ports
from async_endpoint.emulator.containers.container_log import port_clash
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerError, ContainerFailed, ContainerTimeout
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.containers.worker_errors import DIED
from tests.emulator.containers.helpers import eventually, living, process_tree, write_archive, write_wheel

pytestmark = pytest.mark.serving

INFERENCE = """
import json, os, sys, time
import jmespath
from sagemaker_inference.errors import BaseInferenceToolkitError

def model_fn(model_dir):
    return open(os.path.join(model_dir, "my_model", "model.pth")).read()

def input_fn(body, content_type):
    if content_type == "application/unknown":
        raise BaseInferenceToolkitError(415, "This model reads JSON.", "Unsupported Media Type")
    return body, content_type

def predict_fn(data, model):
    body, content_type = data
    text = body if isinstance(body, str) else bytes(body).decode()
    if text.startswith("sleep "):
        time.sleep(float(text[6:]))
    if text == "raise":
        raise ValueError("a plain sentence")
    if text == "raise beyond ASCII":
        raise ValueError("caf\\u00e9")
    return {"model": model, "body": text[:99], "length": len(text),
            "type": type(body).__name__, "content_type": content_type,
            "jmespath": getattr(jmespath, "VERSION", "base"), "python": sys.executable, "environment": dict(os.environ)}

def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
# TorchServe 0.6.0 reads no more of what a worker prints when their connection has closed, and may miss the exception.
# Its traceback keeps the connection, and is kept itself until the program has waited.
FAILING = """
import atexit, time

KEPT = []

def model_fn(model_dir):
    KEPT.append(ValueError("weights of another shape"))
    atexit.register(time.sleep, 1)
    raise KEPT[0]
"""
FILES = {"code/inference.py": INFERENCE, "my_model/model.pth": "some weights"}
READY_SECONDS = 90.0
Launch = Callable[..., ModelContainer]


@pytest.fixture(scope="module")
def container(launch_for_module: Launch) -> ModelContainer:
    with pytest.MonkeyPatch.context() as host:
        host.setenv("AWS_SECRET_ACCESS_KEY", "the host's")
        host.setenv("PYTHONPATH", "/the/hosts")
        instance = launch_for_module(FILES, {"SAGEMAKER_TS_RESPONSE_TIMEOUT": "3", "TS_MAX_REQUEST_SIZE": "20000000"})
    instance.wait_ready(READY_SECONDS)
    return instance


def invoke(instance: ModelContainer, body: str, content_type: str | None = "application/json") -> ContainerResponse:
    return instance.invoke(Invocation(body.encode(), content_type=content_type, accept="application/json", timeout=30))


def told(answer: ContainerResponse) -> "dict[str, Any]":
    assert answer.status == 200, answer.body
    said: dict[str, Any] = json.loads(answer.body)
    return said


def listening(instance: ModelContainer) -> list[tuple[str, int]]:
    """Every address and port that one of its processes listens on: HTTP, metrics, gRPC twice."""
    assert instance.pid is not None
    return [
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for process in living(process_tree(instance.pid))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]


def test_it_returns_the_result_of_the_archives_model(container: ModelContainer) -> None:
    answer = invoke(container, "[1]")
    assert answer.content_type == "application/json"
    assert told(answer) | {"environment": None, "python": None} == {
        "model": "some weights",
        "body": "[1]",
        "length": 3,
        "type": "str",
        "content_type": "application/json",
        "jmespath": "base",
        "environment": None,
        "python": None,
    }
    assert container.ping()
    assert container.startup_seconds is not None
    assert 0 < container.startup_seconds < READY_SECONDS


def test_a_header_that_is_none_is_left_out(container: ModelContainer) -> None:
    answer = container.invoke(Invocation(b"x", timeout=30))
    assert told(answer)["content_type"] is None
    assert answer.content_type == "application/json", "the toolkit's default"


def test_the_worker_sees_nothing_of_the_host_and_the_models_variables(container: ModelContainer) -> None:
    answer = told(invoke(container, "x"))
    environment = answer["environment"]
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert "/the/hosts" not in environment["PYTHONPATH"]
    assert environment["SAGEMAKER_TS_RESPONSE_TIMEOUT"] == "3"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["HOME"] == str(container.workdir / "home")
    assert answer["python"] == str(container.workdir / "overlay" / "bin" / "python")


def test_only_loopback_is_listened_on(container: ModelContainer) -> None:
    assert [address for address, _ in listening(container)] == ["127.0.0.1"] * 4


def test_an_error_has_the_handlers_status_and_a_body_with_message_and_traceback(container: ModelContainer) -> None:
    refused = invoke(container, "x", "application/unknown")
    assert refused.status == 415
    assert refused.body.startswith(b"This model reads JSON.\nTraceback (most recent call last):\n")
    failed = invoke(container, "raise")
    assert failed.status == 500
    assert failed.body.startswith(b"a plain sentence\nTraceback (most recent call last):\n")
    assert failed.body.endswith(b"ValueError: a plain sentence\n")


def test_a_body_as_large_as_the_model_allows_is_taken(container: ModelContainer) -> None:
    assert told(invoke(container, "x" * 7_000_000))["length"] == 7_000_000
    assert invoke(container, "x" * 20_000_001).status == 413


def test_a_timeout_leaves_the_worker_at_it_and_the_next_request_waits(container: ModelContainer) -> None:
    began = time.monotonic()
    with pytest.raises(ContainerTimeout, match=r"did not answer within 0\.2 s"):
        container.invoke(Invocation(b"sleep 5", content_type="application/json", timeout=0.2))
    assert time.monotonic() - began < 4
    told(invoke(container, "next"))
    assert time.monotonic() - began > 4.5


def test_concurrent_requests_get_their_own_results(container: ModelContainer) -> None:
    bodies = [str(number) for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda body: told(invoke(container, body))["body"], bodies))
    assert answers == bodies


def test_a_message_beyond_ascii_costs_the_worker_and_the_next_request_meets_a_new_one(
    container: ModelContainer,
) -> None:
    answer = invoke(container, "raise beyond ASCII")
    assert answer.status == 500
    assert json.loads(answer.body)["message"] == "Worker died."
    told(invoke(container, "next"))


def test_a_request_longer_than_the_models_limit_is_ended_by_torchserve(container: ModelContainer) -> None:
    answer = invoke(container, "sleep 6")
    assert answer.status == 500
    assert json.loads(answer.body)["message"] == "Worker died."


def test_two_containers_side_by_side_have_their_own_packages_and_end_alone(launch: Launch, tmp_path: Path) -> None:
    def archive(version: str) -> dict[str, str]:
        write_wheel(tmp_path, "jmespath", version)
        return FILES | {"code/requirements.txt": f"--no-index\n--find-links {tmp_path}\njmespath=={version}\n"}

    both = [launch(archive(version)) for version in ("9.0", "9.1")]
    for instance in both:
        instance.wait_ready(READY_SECONDS)
    with ThreadPoolExecutor(2) as threads:
        versions = list(threads.map(lambda instance: told(invoke(instance, "sleep 0.5"))["jmespath"], both))
    assert versions == ["9.0", "9.1"]
    assert len({port for instance in both for _, port in listening(instance)} - {7070, 7071}) == 8

    first, second = both
    assert first.pid is not None
    assert second.pid is not None
    tree = process_tree(first.pid)
    next(process for process in tree if process.name() == "java").kill()
    with pytest.raises(ContainerDied):
        first.invoke(Invocation(b"sleep 30", timeout=30))
    assert eventually(lambda: not living(tree) and not first.alive, 5)
    assert told(invoke(second, "still here"))["body"] == "still here"

    tree = process_tree(second.pid)
    second.stop()
    assert living(tree) == []
    assert not second.alive
    assert not second.ping()
    with pytest.raises(ContainerDied, match="not running"):
        invoke(second, "x")


def test_nothing_is_left_after_the_owner_is_killed(serving: ServingEnvironment, tmp_path: Path) -> None:
    write_archive(tmp_path / "model.tar.gz", FILES)
    owner_script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from async_endpoint.emulator.containers.environment import ServingEnvironment\n"
        "from async_endpoint.protocol.serving_images import IMAGES\n"
        "from async_endpoint.emulator.containers.model_container import ModelContainer\n"
        "serving, folder = ServingEnvironment(Path(sys.argv[1]), IMAGES[sys.argv[2]]), Path(sys.argv[3])\n"
        "instance = ModelContainer(folder / 'model.tar.gz', {}, serving, folder / 'work')\n"
        "instance.start()\n"
        f"instance.wait_ready({READY_SECONDS})\n"
        "print(instance.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", owner_script, serving.path, serving.image.name, tmp_path], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        tree = process_tree(int(owner.stdout.readline()))
        assert {"java", "python"} <= {process.name() for process in living(tree)}
        os.kill(owner.pid, signal.SIGKILL)
    assert eventually(lambda: not living(tree), 10)


@pytest.mark.parametrize("kind", ["ValueError", "RuntimeError"])
def test_a_model_that_cannot_be_loaded_is_reported_with_its_reason(launch: Launch, kind: str) -> None:
    instance = launch({"code/inference.py": FAILING.replace("ValueError", kind)})
    with pytest.raises(ContainerFailed, match=f"could not be loaded: {kind}: weights of another shape"):
        instance.wait_ready(READY_SECONDS)


def test_requirements_that_cannot_be_installed_are_reported_with_pips_reason(launch: Launch) -> None:
    instance = launch(FILES | {"code/requirements.txt": "--no-index\njmespath==99\n"})
    with pytest.raises(ContainerFailed, match="exit code 1: No matching distribution found for jmespath==99"):
        instance.wait_ready(READY_SECONDS)
    assert not instance.alive


@pytest.mark.parametrize("report_first", [False, True])
def test_a_port_taken_by_another_program_means_other_ports(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, *, report_first: bool
) -> None:
    reserve = ports.reserve
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = [*reserve(3), other.getsockname()[1]]
        choices = iter([first])
        monkeypatch.setattr(ports, "reserve", lambda count: next(choices, None) or reserve(count))
        instance = launch(FILES)
        if report_first:  # as a worker whose server ended while it loaded the model
            assert eventually(lambda: port_clash(instance.log), READY_SECONDS)
            error = {"report": DIED, "error": "ConnectionResetError: [Errno 104]", "functions": [], "traceback": ""}
            instance.reports.write_text(json.dumps(error) + "\n")
        instance.wait_ready(READY_SECONDS)
    assert told(invoke(instance, "x"))["body"] == "x"
    assert (instance.workdir / "container.1.log").exists()


def test_a_container_starts_once(launch: Launch) -> None:
    instance = launch(FILES)
    instance.stop()
    with pytest.raises(ContainerError, match="starts once"):
        instance.start()
    with pytest.raises(ContainerFailed, match="stopped before it was ready"):
        instance.wait_ready(1)
