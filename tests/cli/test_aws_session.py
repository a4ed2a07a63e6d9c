"""Sessions that fail soon where no connection is possible, and retry everything else as usual."""

from __future__ import annotations

import io
import socket
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.cli.aws_session import reading_session

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

SERVICES = {
    "cloudformation": lambda client: client.describe_stacks(),
    "dynamodb": lambda client: client.list_tables(),
    "s3": lambda client: client.list_buckets(),
}
THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Rate exceeded"}'


@pytest.fixture
def dead_url() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: object) -> list[bytes]:
        return [self.read()]


class Attempts:
    """Counts the requests of a client.

    Attributes:
        count: How many there were.
    """

    def __init__(self, client: Any, response: bytes | None = None) -> None:
        self.count = 0
        self._response = response
        client.meta.events.register("before-send", self._on_request)

    def _on_request(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        self.count += 1
        if self._response is None:
            return None
        return AWSResponse(request.url, HTTPStatus.BAD_REQUEST, cast("Any", HeadersDict({})), Raw(self._response))


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_refused_connection_is_tried_twice(
    service: str, mode: str, dead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    monkeypatch.setattr("time.sleep", lambda _: None)
    client = cast("Any", reading_session()).client(service, endpoint_url=dead_url)
    attempts = Attempts(client)

    with pytest.raises(EndpointConnectionError):
        SERVICES[service](client)

    assert attempts.count == 2
    assert client.meta.config.connect_timeout == 4


def test_a_throttled_request_is_retried_as_often_as_ever(dead_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    counts = []
    for session in (reading_session(), boto3.Session()):
        client = session.client("dynamodb", endpoint_url=dead_url)
        attempts = Attempts(client, THROTTLED)
        with pytest.raises(ClientError, match="Rate exceeded"):
            client.list_tables()
        counts.append(attempts.count)

    assert counts[0] == counts[1] > 2


def test_the_region_is_the_callers() -> None:
    assert [reading_session().region_name, reading_session("us-east-2").region_name] == ["eu-west-1", "us-east-2"]


@pytest.mark.parametrize(
    "arguments",
    [
        "jobs --table receipts",
        "jobs --stage dev",
        "jobs --table receipts --cost --since 1d --endpoint receipts",
        "status JOB --table receipts",
        "status JOB --stage dev",
        "logs --stage dev",
        "dlq list --stage dev",
        "rollback --list --stage dev",
        "cancel JOB --stage dev --yes",
        "run samples/receipts --stage dev",
        "why --stage dev",
    ],
)
def test_a_command_without_a_connection_fails_soon_and_says_where_to_look(arguments: str, dead_url: str) -> None:
    began = time.monotonic()

    result = CliRunner().invoke(main, [*arguments.split(), "--endpoint-url", dead_url])

    assert time.monotonic() - began < 3
    assert result.exit_code in (1, 3)
    assert f'Could not connect to the endpoint URL: "{dead_url}/' in result.output
    assert result.output.rstrip().endswith("Check the network, the proxy and AWS_ENDPOINT_URL.")
    assert "Traceback" not in result.output
