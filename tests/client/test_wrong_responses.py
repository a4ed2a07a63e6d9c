"""A response that was cut off within its headers is no response without content: it is retried like a failure."""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from async_endpoint.client.wrong_responses import reject_wrong_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3

CUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConte"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
CALLS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "s3": lambda client: cast("dict[str, Any]", client.put_object(Bucket="inputs", Key="key", Body=b"abc")),
    "dynamodb": lambda client: cast("dict[str, Any]", client.get_item(TableName="jobs", Key={"job_id": {"S": "1"}})),
    "sqs": lambda client: cast("dict[str, Any]", client.send_message(QueueUrl="http://localhost/0/q", MessageBody="a")),
}


class Cutting(socketserver.ThreadingTCPServer):
    daemon_threads = True
    cut = 0
    response = CUT
    requests = 0


class Handler(socketserver.StreamRequestHandler):
    server: Cutting

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        self.server.requests += 1
        self.wfile.write(self.server.response if self.server.requests <= self.server.cut else WHOLE)


@pytest.fixture
def server() -> Iterator[Cutting]:
    with Cutting(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client_of(server: Cutting, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    reject_wrong_responses(session.events)
    create: Any = session.client
    return lambda service: create(service, endpoint_url=f"http://127.0.0.1:{server.server_address[1]}")


@pytest.mark.parametrize("service", CALLS)
def test_a_cut_response_is_retried(service: str, server: Cutting, client_of: Callable[[str], Any]) -> None:
    server.cut = 1
    CALLS[service](client_of(service))
    assert server.requests == 2


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chu",
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nConte",
    ],
)
def test_a_response_is_cut_also_within_its_length_and_as_any_success(
    response: bytes, server: Cutting, client_of: Callable[[str], Any]
) -> None:
    server.cut, server.response = 1, response
    CALLS["dynamodb"](client_of("dynamodb"))
    assert server.requests == 2


@pytest.mark.parametrize("service", CALLS)
def test_a_response_that_is_always_cut_is_a_failure(
    service: str, server: Cutting, client_of: Callable[[str], Any]
) -> None:
    server.cut = 1000
    with pytest.raises(ClientError, match="cut off within its headers") as raised:
        CALLS[service](client_of(service))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert server.requests > 2


def test_a_response_that_never_has_content_is_whole_without_a_length(
    server: Cutting, client_of: Callable[[str], Any]
) -> None:
    server.cut, server.response = 1000, b"HTTP/1.1 204 No Content\r\n\r\n"
    client_of("s3").delete_object(Bucket="inputs", Key="key")
    assert server.requests == 1
