"""A response that was cut off within its headers is no response without content: it is retried like a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from async_endpoint.client.wrong_responses import reject_wrong_responses
from tests.support.raw_server import RawServer, raw_server

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


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server() as server:
        server.cut, server.response, server.whole = 0, CUT, WHOLE
        yield server


@pytest.fixture
def client_of(server: RawServer, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    reject_wrong_responses(session.events)
    create: Any = session.client
    return lambda service: create(service, endpoint_url=server.url)


@pytest.mark.parametrize("service", CALLS)
def test_a_cut_response_is_retried(service: str, server: RawServer, client_of: Callable[[str], Any]) -> None:
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
    response: bytes, server: RawServer, client_of: Callable[[str], Any]
) -> None:
    server.cut, server.response = 1, response
    CALLS["dynamodb"](client_of("dynamodb"))
    assert server.requests == 2


@pytest.mark.parametrize("service", CALLS)
def test_a_response_that_is_always_cut_is_a_failure(
    service: str, server: RawServer, client_of: Callable[[str], Any]
) -> None:
    server.cut = 1000
    with pytest.raises(ClientError, match="cut off within its headers") as raised:
        CALLS[service](client_of(service))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert server.requests > 2


def test_a_response_that_never_has_content_is_whole_without_a_length(
    server: RawServer, client_of: Callable[[str], Any]
) -> None:
    server.cut, server.response = 1000, b"HTTP/1.1 204 No Content\r\n\r\n"
    client_of("s3").delete_object(Bucket="inputs", Key="key")
    assert server.requests == 1
