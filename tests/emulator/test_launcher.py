"""LocalAws: a process that is found, stopped and never left behind, and an environment that leads clients to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest

from async_endpoint.emulator import launcher
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import ANY_PORT, DEFAULT_PORT, LocalAws, LocalAwsError, _free_port
from async_endpoint.emulator.server.state_file import StateFolder
from async_endpoint.emulator.server_process import bound_port, serving_process
from tests.emulator.conftest import SPEED, Running, Start
from tests.emulator.fakes import eventually


def responds(local: LocalAws) -> bool:
    with urllib.request.urlopen(f"{local.endpoint_url}/_ministack/health", timeout=5) as response:  # noqa: S310 - localhost
        return bool(response.status == HTTPStatus.OK)


def test_it_responds_soon_after_its_start(running: Running) -> None:
    assert responds(running.local)
    assert running.started_within < 30  # and not minutes; a busy machine takes its time


def test_it_listens_on_loopback_alone(running: Running) -> None:
    tree = [psutil.Process(running.local.pid), *psutil.Process(running.local.pid).children(recursive=True)]
    connections = [connection for process in tree for connection in process.net_connections("all")]
    listening = {connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", running.local.port)}
    datagrams = [connection.laddr for connection in connections if connection.type == socket.SOCK_DGRAM]
    assert not [address for address in datagrams if address and address[0] not in ("127.0.0.1", "::1")]


def test_it_is_found_by_its_folder_and_no_second_one_starts_there(running: Running) -> None:
    folder = running.local.state_dir
    found = LocalAws.find(folder)
    assert found == running.local
    assert found is not None
    assert (found.port, found.speed) == (running.local.port, SPEED)
    with pytest.raises(LocalAwsError, match=rf"A local AWS runs already on port {found.port} \(process {found.pid}"):
        LocalAws.start(ServingEnvironments(folder / "none"), state_dir=folder)


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '{"pid": 1}'])
def test_a_folder_without_one(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "local-aws.json").write_text(text, encoding="utf-8")
    assert LocalAws.find(tmp_path) is None


def test_a_local_aws_that_was_found_can_be_stopped_and_nothing_of_it_runs(start: Start, tmp_path: Path) -> None:
    local = start(tmp_path)
    found = LocalAws.find(tmp_path)
    assert found is not None
    found.stop()
    assert not local.running
    local.stop()  # which does nothing more, but for the process's entry in the table
    assert not psutil.pid_exists(local.pid)
    assert LocalAws.find(tmp_path) is None
    assert not (tmp_path / "local-aws.json").exists()


def test_a_process_that_was_killed_leaves_a_folder_in_which_another_starts(start: Start, tmp_path: Path) -> None:
    killed = start(tmp_path)
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: not killed.running, "the process is gone")
    assert (tmp_path / "local-aws.json").exists()
    assert LocalAws.find(tmp_path) is None
    assert responds(start(tmp_path))


def test_a_number_that_another_process_has_now_is_not_taken_for_it(tmp_path: Path) -> None:
    state = {"pid": os.getpid(), "port": 1, "speed": 1.0, "began": psutil.Process().create_time() - 3600}
    (tmp_path / "local-aws.json").write_text(json.dumps(state), encoding="utf-8")
    assert LocalAws.find(tmp_path) is None


def test_a_port_asked_for_that_is_taken(serving_environments: ServingEnvironments, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"Port {port} is taken: leave --port out to have a free one chosen."):
            LocalAws.start(serving_environments, state_dir=tmp_path, port=port)


def test_a_port_that_is_taken_does_not_cost_the_saved_state(
    serving_environments: ServingEnvironments, tmp_path: Path
) -> None:
    folder = StateFolder(tmp_path / "kept")
    folder.save({})
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LocalAwsError, match="is taken"):
        LocalAws.start(serving_environments, state_dir=tmp_path, port=taken.getsockname()[1], fresh=True)
    assert folder.file.exists()


def test_when_the_default_port_is_taken_another_is_chosen() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", DEFAULT_PORT))
            taken.listen()
        except OSError:
            pass  # another process has it, which is as good
        assert _free_port(DEFAULT_PORT, ANY_PORT) != DEFAULT_PORT


def test_two_that_start_at_once_have_a_port_each_and_know_their_own_process(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = _free_port(ANY_PORT)
    monkeypatch.setattr(launcher, "DEFAULT_PORT", free)  # which both find free

    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(start, (tmp_path / "one", tmp_path / "two")))

    assert free in {local.port for local in both}
    assert len({local.port for local in both}) == 2
    assert [serving_process(local.endpoint_url) for local in both] == [local.pid for local in both]


def test_a_port_that_another_had_for_a_moment_is_no_failure(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(launcher, "DEFAULT_PORT", port)
        # Free before the process begins, and free again when it has ended.
        monkeypatch.setattr(launcher, "bound_port", lambda wanted: wanted or bound_port(0))

        assert start(tmp_path).port != port


def test_of_two_that_start_at_once_on_one_port_one_is_rejected(start: Start, tmp_path: Path) -> None:
    port = _free_port(ANY_PORT)

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(start, tmp_path / name, port) for name in ("one", "two")]

    failed = [each.exception() for each in both if each.exception() is not None]
    assert [type(each).__bases__ for each in failed] == [(LocalAwsError,)]
    assert str(failed[0]).startswith(f"Port {port} was taken meanwhile: start again")


def test_one_that_is_tied_stops_when_its_parent_dies(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
folder = Path(sys.argv[1])
print(LocalAws.start(ServingEnvironments(folder / "none"), state_dir=folder, tied=True).pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        local = psutil.Process(int(parent.stdout.readline()))
        assert local.is_running()
        parent.kill()
    gone, left = psutil.wait_procs([local], timeout=20)
    for process in left:
        process.kill()
    assert gone == [local]


def test_one_that_cannot_start_names_its_log(serving_environments: ServingEnvironments, tmp_path: Path) -> None:
    message = rf"exited at once \(exit code \d+\): .*speed must be above 0.* \(log: {tmp_path}/local-aws.log\)"
    with pytest.raises(LocalAwsError, match=message):
        LocalAws.start(serving_environments, state_dir=tmp_path, speed=-1.0)


def test_its_environment_points_nowhere_else() -> None:
    local = LocalAws(Path("state"), 1, 4567, 1.0, 0.0)
    users = {
        "PATH": "/bin",
        "AWS_PROFILE": "company",
        "AWS_DEFAULT_PROFILE": "company",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "AWS_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/home/somebody/.aws/config",
    }
    environment = local.client_environment(users, "eu-central-1")
    assert {name: value for name, value in environment.items() if name in users} == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
    }
    assert environment["AWS_ENDPOINT_URL"] == "http://localhost:4567"
    assert environment["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert environment["CDK_HOME"] == str(Path("state/cdk-home").absolute())
