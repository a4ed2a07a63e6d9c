"""What tests of several parts stand on: S3 and DynamoDB over HTTP, in a thread of the test's own process."""

import asyncio
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from hypothesis import HealthCheck, settings
from mypy_boto3_s3.client import S3Client
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.support.serving import NOT_BUILT

pytest_plugins = ["tests.support.endpoint_fixtures", "tests.support.jobs_table", "tests.support.deployed_workflow"]

# A stalled machine fails no property. The examples are the same in each run; ASYNC_ENDPOINT_SWEEP=full draws others.
settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("ASYNC_ENDPOINT_SWEEP") != "full",
)
settings.load_profile("tests")

# What takes longest begins first, so that parallel workers end together.
LONGEST_FIRST = ("end_to_end", "test_serving_environment.py", "serving", "stacks", "emulator")
# These start a local AWS of their own; the other end-to-end tests share a deployed stage.
WITHOUT_THE_STAGE = (
    "test_chaos.py",
    "test_client_on_a_stage.py",
    "test_hard_kill.py",
    "test_notifying.py",
    "test_plan_of_a_run.py",
    "test_wake_on_submit.py",
    "test_your_own_model.py",
)


class StageInOneWorker(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives each worker whole files, and one worker all files on the deployed stage: it is deployed once.

    Of three workers or more the last one has the serving checks alone. They compute for minutes, with low priority, on
    what the others leave of the processors while they wait.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", maxsplit=1)[0]
        on_the_stage = "end_to_end/" in file and not file.endswith(WITHOUT_THE_STAGE)
        return "stage" if on_the_stage else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        computes = self.numnodes > 2 and node.gateway.id == f"gw{self.numnodes - 1}"
        serving = [scope for scope in self.workqueue if scope.startswith("tests/serving/")]
        others = [scope for scope in self.workqueue if scope not in serving]
        scopes = serving if computes else others or serving
        if scopes:
            self.workqueue.move_to_end(scopes[0], last=False)
            super()._assign_work_unit(node)
        else:
            node.shutdown()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StageInOneWorker:
    return StageInOneWorker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts tests by how long those of their folder take."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, folder in enumerate(LONGEST_FIRST) if folder in item.path.parts), len(LONGEST_FIRST))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Gives the tests of an image whose environment is not built one line, whatever file they are in."""
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple) and NOT_BUILT in report.longrepr[2]:
            report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The URL of an AWS that speaks HTTP, on the loopback only."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost"}.items():
            environment.setenv(name, value)
        # ministack reads these variables when it is imported.
        import ministack.app  # noqa: PLC0415 - only for a test that needs it

        with _served(ministack.app.app, port):
            yield f"http://localhost:{port}"


@contextmanager
def _served(app: Any, port: int) -> Iterator[None]:  # ministack has no types
    """Serve the application from a thread, on the loopback."""
    config = ServerConfig()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(app, config, shutdown_trigger=stop.wait)))
    thread.start()
    _wait_for(port)
    yield
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=10)
    loop.close()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.1).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    pytest.fail(f"nothing listens on port {port}")


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - a local S3 takes any
        region_name="ap-northeast-1",
    )


@pytest.fixture
def s3(aws_url: str, session: boto3.Session) -> Iterator[S3Client]:
    client = session.client("s3", endpoint_url=aws_url, config=Config(max_pool_connections=64))
    yield client
    client.close()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    return name
