"""What the functions' tests stand on: functions loaded as Lambda loads them, with an AWS of their own."""

import importlib
import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client

from tests.support.endpoint_fixtures import EndpointServer
from tests.support.intake import SUBMIT_ENVIRONMENT, Intake


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
def server(s3: S3Client, bucket: str) -> Iterator[EndpointServer]:
    with EndpointServer(s3, bucket) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join(timeout=5)


@dataclass
class Function:
    """A function loaded as Lambda loads it, and called as SQS calls it."""

    module: ModuleType
    capsys: pytest.CaptureFixture[str]

    def work_on(self, *bodies: str) -> tuple[list[int], list[dict[str, Any]]]:
        """Call it with one batch; answers which messages are kept, and the lines of its log."""
        self.capsys.readouterr()
        context = SimpleNamespace(
            function_name="function",
            memory_limit_in_mb=256,
            invoked_function_arn="arn:aws:lambda:eu-central-1:111122223333:function:function",
            aws_request_id="request",
        )
        records = [
            {"messageId": str(index), "body": body, "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}}
            for index, body in enumerate(bodies)
        ]
        answer = self.module.handler({"Records": records}, context)
        lines = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return [int(kept["itemIdentifier"]) for kept in answer["batchItemFailures"]], lines


@pytest.fixture
def load(
    aws_url: str,
    server: EndpointServer,
    jobs_table: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[[str], Function]]:
    """Loads a function, its environment set and its AWS the local one."""
    environment = {
        **SUBMIT_ENVIRONMENT,
        "JOBS_TABLE": jobs_table.name,
        "POWERTOOLS_SERVICE_NAME": uuid.uuid4().hex,  # one log for each test, as Powertools keeps them by this name
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def load(name: str) -> Function:
        for module in ("handler", "observability"):
            monkeypatch.delitem(sys.modules, f"{name}.{module}", raising=False)
        return Function(importlib.import_module(f"{name}.handler"), capsys)

    yield load
    for module in [name for name in sys.modules if name.endswith((".handler", ".observability"))]:
        if module.startswith(("submit.", "record.")):
            del sys.modules[module]
