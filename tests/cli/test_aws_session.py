"""Sessions that fail soon where no connection is possible, and retry everything else as usual."""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.cli.aws_session import reading_session, submitting_session
from async_endpoint.client import AsyncEndpoint, DocumentState, Ticket, new_ticket
from async_endpoint.client.transport import Acceptance
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.awsrequest import AWSPreparedRequest

SERVICES = {
    "cloudformation": lambda client: client.describe_stacks(),
    "dynamodb": lambda client: client.list_tables(),
    "s3": lambda client: client.list_buckets(),
}
MISSING = b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"}'
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
        response: The response to each; without one they go to the network.
    """

    def __init__(self, client: Any, response: bytes | None = None) -> None:
        self.count = 0
        self.response = response
        client.meta.events.register("before-send", self._on_request)

    def _on_request(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        self.count += 1
        if self.response is None:
            return None
        return AWSResponse(request.url, HTTPStatus.BAD_REQUEST, cast("Any", HeadersDict({})), Raw(self.response))


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


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which take no time; threads of other tests sleep as they did."""
    pauses: list[float] = []
    sleep, own = time.sleep, threading.get_ident()
    monkeypatch.setattr(
        "time.sleep", lambda seconds: pauses.append(seconds) if threading.get_ident() == own else sleep(seconds)
    )
    return pauses


@pytest.fixture
def client_of(dead_url: str) -> Callable[[str], Any]:
    """Makes clients of one session for a run, as the client makes them."""
    session = cast("Any", submitting_session())
    config = Config(retries={"mode": "standard", "total_max_attempts": 5})
    return lambda service: session.client(service, endpoint_url=dead_url, config=config)


@pytest.mark.parametrize("service", SERVICES)
def test_a_run_that_cannot_begin_tries_twice_to_connect(
    service: str, client_of: Callable[[str], Any], pauses: list[float]
) -> None:
    client = client_of(service)
    attempts = Attempts(client)

    with pytest.raises(EndpointConnectionError):
        SERVICES[service](client)

    assert attempts.count == 2
    assert sum(pauses) <= 1
    assert client.meta.config.connect_timeout == 10


@pytest.mark.parametrize("service", SERVICES)
def test_a_run_that_has_begun_lasts_through_half_a_minute_without_a_network(
    service: str, client_of: Callable[[str], Any], pauses: list[float]
) -> None:
    client, other = client_of(service), client_of("dynamodb")
    Attempts(other, MISSING)
    with pytest.raises(ClientError, match="no table"):
        other.describe_table(TableName="receipts")
    attempts = Attempts(client)

    with pytest.raises(EndpointConnectionError):
        SERVICES[service](client)

    assert attempts.count == 5 + 8
    assert 8 * 4 <= sum(pauses) <= 8 * 4 + 1 + 2 + 4 + 8


def test_the_region_is_the_callers() -> None:
    for of_region in (reading_session, submitting_session):
        assert [of_region().region_name, of_region("us-east-2").region_name] == ["eu-west-1", "us-east-2"]


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
        "run receipts --stage dev",
        "run receipts --endpoint receipts --input s3://inputs/run",
        "submit receipts --endpoint receipts --input s3://inputs/run",
        "submit s3://inputs/run/receipt.png --endpoint receipts --input s3://inputs/run",
        "submit s3://inputs/run/ --endpoint receipts --input s3://inputs/run",
        "why --stage dev",
    ],
)
def test_a_command_without_a_connection_fails_soon_and_says_where_to_look(
    arguments: str, dead_url: str, tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "receipt.png").write_bytes(b"x")
    began = time.monotonic()

    result = CliRunner().invoke(main, [*arguments.split(), "--endpoint-url", dead_url])

    assert time.monotonic() - began < 25, "not the half a minute of a run that has begun"
    assert result.exit_code in (1, 3)
    assert f'Could not connect to the endpoint URL: "{dead_url}/' in result.output
    assert result.output.rstrip().endswith("Check the network, the proxy and AWS_ENDPOINT_URL.")
    assert "Traceback" not in result.output
    assert not list(tickets.rglob("*.sqlite")), "nothing was sent"


@pytest.mark.parametrize("command", ["resume", "wait"])
def test_a_run_stays_as_it_is_if_it_cannot_be_continued_without_a_connection(
    command: str, dead_url: str, tmp_path: Path
) -> None:
    documents = [tmp_path / "sent.png", tmp_path / "waiting.png"]
    for document in documents:
        document.write_bytes(b"x")
    endpoint = AsyncEndpoint("receipts", input_location="s3://inputs/run", session=boto3.Session())
    path = tmp_path / "ticket.sqlite"
    with closing(new_ticket(tmp_path, documents, endpoint, tmp_path / "out", run="r", path=path)) as ticket:
        place = S3Location("outputs", "out/1.out")
        ticket.submitting(1, upload="s3://inputs/run/1", size=1, mtime_ns=0, sha256=None)
        ticket.accepted(1, Acceptance("id", place, place, accepted_at=datetime.now(UTC)))
    began = time.monotonic()

    result = CliRunner().invoke(main, [command, "--ticket", str(path), "--endpoint-url", dead_url])

    assert time.monotonic() - began < 25, "not the half a minute of a run that has begun"
    assert result.exit_code == 1
    assert f"continue by `async-endpoint {command} --ticket {path}`." in result.output
    assert result.output.rstrip().endswith("Check the network, the proxy and AWS_ENDPOINT_URL.")
    with closing(Ticket.open(path)) as ticket:
        assert ticket.counts() == {DocumentState.QUEUED: 1, DocumentState.WAITING: 1}
