"""A stop does not wait for functions or requests, and nothing of the local AWS outlives it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.launcher import ANY_PORT, LocalAwsError, _free_port
from async_endpoint.emulator.loopback import NoResponse, fetch
from async_endpoint.emulator.process_environments import server_environment
from async_endpoint.emulator.server.state_file import StateFolder
from tests.emulator.conftest import Start
from tests.emulator.fakes import LIMIT, eventually
from tests.emulator.functions import create_function
from tests.emulator.test_kept_state import client

SLOW = """
import time
def handler(event, context):
    time.sleep(600)
"""


def test_functions_end_with_it_and_its_services_are_saved(start: Start, tmp_path: Path) -> None:
    local = start(tmp_path)
    functions = client(local, "lambda")
    client(local, "sqs").create_queue(QueueName="kept")
    create_function(functions, "slow", SLOW, seconds=900)

    def invoke() -> str:
        try:
            return str(functions.invoke(FunctionName="slow").get("FunctionError", ""))
        except (BotoCoreError, ClientError) as error:  # the server may end before the response
            return type(error).__name__

    with ThreadPoolExecutor(1) as thread:
        invoked = thread.submit(invoke)
        processes = eventually(lambda: psutil.Process(local.pid).children(recursive=True), "the function runs")
        began = time.monotonic()
        local.stop()
        assert time.monotonic() - began < 60  # of the 600 s that the function takes
        assert invoked.result() != ""
    assert psutil.wait_procs(processes, timeout=20)[1] == []
    assert client(start(tmp_path), "sqs").get_queue_url(QueueName="kept")["QueueUrl"].endswith("/kept")


@pytest.mark.parametrize("file", ["services/sqs.json", "sagemaker.json"])
def test_a_stop_that_could_not_save_everything_says_so(start: Start, tmp_path: Path, file: str) -> None:
    local = start(tmp_path)
    client(local, "sqs").create_queue(QueueName="lost")
    (tmp_path / "kept" / file).unlink(missing_ok=True)
    (tmp_path / "kept" / file / "in the way").mkdir(parents=True)
    with pytest.raises(LocalAwsError, match=r"could not save its state, or not all of it: .*\(log: .*local-aws.log\)"):
        local.stop()


SERVER = """
import asyncio, sys, time
from ministack.core.concurrency import run_reentrant
from async_endpoint.emulator.server.ministack import http_server

http_server._EXIT_SECONDS = 0.5

def gateway(app):
    async def blocking(scope, receive, send):
        if scope.get("path") == "/never":
            print("asked", flush=True)
            await run_reentrant(time.sleep, 600)
        await app(scope, receive, send)
    return blocking

async def stop():
    await asyncio.to_thread(sys.stdin.readline)

asyncio.run(http_server.serve(int(sys.argv[1]), gateway, stop))
"""


def test_a_request_that_never_ends_is_given_up_with_what_it_waits_for_in_the_log(tmp_path: Path) -> None:
    port, state = _free_port(ANY_PORT), StateFolder(tmp_path)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        env=server_environment(port, state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def responds() -> bool:
        try:
            return fetch(f"http://localhost:{port}/_ministack/health", timeout=5)[0] == 200
        except NoResponse:
            return False

    try:
        with ThreadPoolExecutor(1) as thread:
            eventually(responds, "the server responds")
            never = thread.submit(fetch, f"http://localhost:{port}/never", timeout=LIMIT)
            assert server.stdout is not None
            assert any("asked" in line for line in server.stdout)
            output, _ = server.communicate("stop\n", timeout=LIMIT)
            assert isinstance(never.exception(), NoResponse)
    finally:
        server.kill()
    assert server.returncode == 0
    assert "The local AWS did not end within 0.5 s of its stop: it saves its state and gives up" in output
    assert "concurrency.py" in output
    assert list(state.services.glob("*.json"))


def test_a_thread_that_never_ends_is_given_up_after_the_state_is_saved(tmp_path: Path) -> None:
    port, state = _free_port(ANY_PORT), StateFolder(tmp_path)
    lasting = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    run = subprocess.run(
        [sys.executable, "-c", lasting + SERVER, str(port)],
        env=server_environment(port, state),
        input="stop\n",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert "The local AWS did not end within 0.5 s of its stop" in run.stdout + run.stderr
    assert list(state.services.glob("*.json"))
