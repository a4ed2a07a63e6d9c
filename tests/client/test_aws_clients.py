"""The client's own boto3 clients do less for each call, and nothing else differs from a client of the caller's.

They reach for parts of botocore: these tests notice when a later one does without them.
"""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore
import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError

from async_endpoint.client import AwsTransport, StorageError
from async_endpoint.client.aws_clients import SENT_AT_ONCE, make_clients
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient

PLACE = S3Location("bucket", "key")
ENTRY = "<Contents><Key>results/{:03}.out</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
LISTING = (
    f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(map(ENTRY.format, range(200)))}</ListBucketResult>"
)
ERROR = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: object) -> list[bytes]:
        return [self.read()]


class Wire:
    """Takes a client's requests before they are sent, and gives the responses, the last one again and again.

    Attributes:
        requests: The requests.
    """

    def __init__(self, client: Any, service: str, *responses: tuple[int, str, dict[str, str]]) -> None:
        self.requests: list[AWSPreparedRequest] = []
        self._responses = list(responses)
        client.meta.events.register(f"before-send.{service}", self._respond)

    def _respond(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.requests.append(request)
        status, body, headers = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        return AWSResponse(request.url, status, cast("Any", HeadersDict(headers)), Raw(body.encode()))

    def header(self, name: str) -> str | None:
        """Returns a header of the last request."""
        found = self.requests[-1].headers.get(name)
        return found.decode() if isinstance(found, bytes) else found


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's pauses before it tries again
    return boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nothing is sent
        region_name="ap-northeast-1",
    )


@pytest.fixture
def clients(session: boto3.Session) -> tuple[SageMakerRuntimeClient, S3Client]:
    return make_clients(session, connections=4, max_attempts=3)


@pytest.fixture
def s3(clients: tuple[SageMakerRuntimeClient, S3Client]) -> S3Client:
    return clients[1]


@pytest.fixture
def transport(clients: tuple[SageMakerRuntimeClient, S3Client]) -> AwsTransport:
    return AwsTransport(runtime=clients[0], s3=clients[1])


def put(size: int) -> dict[str, Any]:
    return {"Bucket": "bucket", "Key": "key", "Body": b"x" * size}


@pytest.mark.parametrize(("size", "expects"), [(10, None), (SENT_AT_ONCE, "100-continue")])
def test_s3_is_asked_first_before_large_uploads_alone(s3: S3Client, size: int, expects: str | None) -> None:
    wire = Wire(s3, "s3", (HTTPStatus.OK, "", {}))

    s3.put_object(**put(size))

    assert wire.header("Expect") == expects
    assert wire.header("x-amz-checksum-crc32") or wire.header("x-amz-trailer"), "its checksum goes along"


@pytest.mark.parametrize(("size", "expects"), [(10, None), (SENT_AT_ONCE, "100-continue")])
def test_a_file_too(transport: AwsTransport, s3: S3Client, tmp_path: Path, size: int, expects: str | None) -> None:
    wire, document = Wire(s3, "s3", (HTTPStatus.OK, "", {})), tmp_path / "document"
    document.write_bytes(b"x" * size)

    transport.upload(document, PLACE, "image/png")

    assert (wire.header("Expect"), wire.header("Content-Type")) == (expects, "image/png")


def test_a_client_of_the_callers_session_is_left_alone(
    session: boto3.Session, clients: tuple[SageMakerRuntimeClient, S3Client]
) -> None:
    del clients
    theirs = session.client("s3")
    wire = Wire(theirs, "s3", (HTTPStatus.OK, "", {}))

    theirs.put_object(**put(10))

    assert wire.header("Expect") == "100-continue"


def test_the_user_agent_is_built_once_and_names_boto3(clients: tuple[SageMakerRuntimeClient, S3Client]) -> None:
    runtime, s3 = clients
    wires = Wire(runtime, "sagemaker-runtime", (HTTPStatus.ACCEPTED, "{}", {})), Wire(s3, "s3", (HTTPStatus.OK, "", {}))

    runtime.invoke_endpoint_async(EndpointName="receipts", InputLocation="s3://bucket/key")
    s3.put_object(**put(1))

    for wire, client in zip(wires, (runtime, s3), strict=True):
        agent = wire.header("User-Agent") or ""
        # botocore adds the features that a call uses to the middle of a text that it builds for each. Powertools, which
        # other tests import, adds itself to the end of every client's.
        assert agent.startswith(str(getattr(client.meta.config, "user_agent", None)))
        assert agent.startswith(f"Boto3/{boto3.__version__} ")
        assert agent.split().count(f"Botocore/{botocore.__version__}") == 1


def test_the_app_id_of_the_user_stays(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "receipts")
    runtime, _ = make_clients(session, connections=1, max_attempts=1)
    wire = Wire(runtime, "sagemaker-runtime", (HTTPStatus.ACCEPTED, "{}", {}))

    runtime.invoke_endpoint_async(EndpointName="receipts", InputLocation="s3://bucket/key")

    words = (wire.header("User-Agent") or "").split()
    assert [words.count(word) for word in ("app/receipts", f"Botocore/{botocore.__version__}")] == [1, 1]


def test_of_an_object_only_the_media_type_is_parsed(s3: S3Client) -> None:
    headers = {"content-type": "application/json", "last-modified": "no time", "etag": '"e"', "content-length": "2"}
    Wire(s3, "s3", (HTTPStatus.OK, "{}", headers))

    response = s3.get_object(Bucket="bucket", Key="key")

    assert (response["Body"].read(), response["ContentType"]) == (b"{}", "application/json")
    assert "LastModified" not in response
    assert "ETag" not in response


def test_the_error_of_an_object_is_botocores(transport: AwsTransport, s3: S3Client) -> None:
    missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
    Wire(s3, "s3", (HTTPStatus.NOT_FOUND, missing, {"content-type": "application/xml", "x-amz-request-id": "R1"}))

    with pytest.raises(StorageError, match="NoSuchKey") as caught:
        transport.get(PLACE)
    assert isinstance(caught.value.__cause__, ClientError)
    assert caught.value.__cause__.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"] == "R1"


def test_botocore_looks_for_an_error_in_what_is_left_of_a_listing(
    transport: AwsTransport, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    search = getattr(handlers, "_looks_like_special_case_error")  # noqa: B009 - its stub lacks it

    def noted(status: int, body: bytes) -> Any:
        searched.append(len(body))
        return search(status, body)

    monkeypatch.setattr(handlers, "_looks_like_special_case_error", noted)
    Wire(s3, "s3", (HTTPStatus.OK, LISTING, {}))

    page = transport.list_page(S3Location("bucket", "results/"), "")

    assert len(page.objects) == 200
    assert len(searched) == 1
    assert searched[0] < 200


@pytest.mark.parametrize(
    "broken", [ERROR, LISTING[:-40], LISTING[:3_000]], ids=["an error", "its end is missing", "cut"]
)
def test_a_listing_of_status_200_that_is_none_is_asked_for_again(
    transport: AwsTransport, s3: S3Client, broken: str
) -> None:
    wire = Wire(s3, "s3", (HTTPStatus.OK, broken, {}), (HTTPStatus.OK, LISTING, {}))

    assert len(transport.list_page(S3Location("bucket", "results/"), "").objects) == 200
    assert len(wire.requests) == 2


@pytest.mark.parametrize("handler", ["_handle_200_error", "add_expect_header"])
def test_without_a_handler_of_botocores_its_own_way_remains(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    monkeypatch.delattr(handlers, handler)
    runtime, s3 = make_clients(session, connections=1, max_attempts=1)
    wire = Wire(s3, "s3", (HTTPStatus.OK, LISTING, {}))

    page = AwsTransport(runtime=runtime, s3=s3).list_page(S3Location("bucket", "results/"), "")
    s3.put_object(**put(10))

    assert len(page.objects) == 200
    assert wire.header("Expect") == ("100-continue" if handler == "add_expect_header" else None)
