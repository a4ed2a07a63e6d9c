"""What becomes of a document that cannot be uploaded: it has failed, is tried later, or the run breaks off."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ProxyConnectionError, ReadTimeoutError, SSLError
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from async_endpoint.client import AwsTransport, AwsUnavailable, SubmitError, Throttled
from async_endpoint.client.aws_clients import SENT_AT_ONCE
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from pathlib import Path

    import boto3


def test_a_wrong_clock_is_the_same_for_every_document(session: boto3.Session) -> None:
    """S3 rejects every request of a machine whose clock is more than 15 minutes off."""
    s3 = session.client("s3")
    transport = AwsTransport(runtime=session.client("sagemaker-runtime"), s3=s3)
    with Stubber(s3) as stubber:
        stubber.add_client_error("put_object", "RequestTimeTooSkewed", "The difference is too large.", 403)
        with pytest.raises(AwsUnavailable, match=r"cannot be uploaded to s3://inputs/: .*RequestTimeTooSkewed"):
            transport.upload(b"abc", S3Location("inputs", "key"), "image/png")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *(("SlowDown", 503), ("InternalError", 500), ("ServiceUnavailable", 503), ("BandwidthLimitExceeded", 509)),
        *(("RequestTimeout", 400), ("ThrottlingException", 400)),
    ],
)
@pytest.mark.parametrize("operation", ["put_object", "create_multipart_upload"])
def test_a_document_that_a_busy_s3_did_not_take_may_be_taken_later(
    code: str, status: int, operation: str, session: boto3.Session, tmp_path: Path
) -> None:
    s3 = session.client("s3", config=Config(retries={"total_max_attempts": 1}))
    (tmp_path / "a.png").write_bytes(bytes(3 if operation == "put_object" else 9_000_000))
    transport = AwsTransport(runtime=session.client("sagemaker-runtime"), s3=s3)
    with Stubber(s3) as stubber:
        stubber.add_client_error(operation, code, "Please try again.", status)
        with pytest.raises(Throttled, match=rf"S3 takes no document in s3://inputs/ at the moment: .*{code}"):
            transport.upload(tmp_path / "a.png", S3Location("inputs", "key"), "image/png")


@pytest.mark.parametrize(
    ("status", "error"),
    [*((status, Throttled) for status in (500, 502, 503, 504)), *((status, SubmitError) for status in (400, 413))],
)
@pytest.mark.parametrize("body", [b"", b"<html><h1>Try again</h1></html>", b"<!DOCTYPE html><h1>Try again</h1>"])
def test_a_server_error_without_a_code_says_that_s3_is_busy(
    status: int, error: type[SubmitError], body: bytes, session: boto3.Session, tmp_path: Path
) -> None:
    s3 = session.client("s3", endpoint_url="http://localhost:9", config=Config(retries={"total_max_attempts": 1}))

    def answer(**_: object) -> AWSResponse:
        content: Any = HTTPResponse(io.BytesIO(body), preload_content=False)
        headers: Any = {"Content-Length": str(len(body))}
        return AWSResponse("http://localhost:9", status, headers, content)

    cast("Any", s3.meta.events).register("before-send.s3", answer)
    transport = AwsTransport(runtime=session.client("sagemaker-runtime"), s3=s3)
    for size in (3, SENT_AT_ONCE, 9_000_000):  # at once, as a stream, in parts
        (tmp_path / "a.png").write_bytes(bytes(size))
        with pytest.raises(error, match="s3://inputs/") as raised:
            transport.upload(tmp_path / "a.png", S3Location("inputs", "key"), "image/png")
        assert type(raised.value) is error, size


@pytest.mark.parametrize("kind", [ConnectTimeoutError, ProxyConnectionError, ReadTimeoutError, SSLError])
@pytest.mark.parametrize("size", [3, SENT_AT_ONCE, 9_000_000])  # at once, as a stream, in parts
def test_a_connection_that_is_lost_is_no_fault_of_the_document(
    kind: Any, size: int, session: boto3.Session, tmp_path: Path
) -> None:
    """These errors of botocore are OSErrors too."""
    assert issubclass(kind, OSError)
    s3 = session.client("s3", endpoint_url="http://localhost:9", config=Config(retries={"total_max_attempts": 1}))

    def lose_connection(**_: object) -> None:
        raise kind(endpoint_url="http://localhost:9", proxy_url="http://localhost:9", error="lost")

    cast("Any", s3.meta.events).register("before-send.s3", lose_connection)
    (tmp_path / "a.png").write_bytes(bytes(size))
    transport = AwsTransport(runtime=session.client("sagemaker-runtime"), s3=s3)
    with pytest.raises(AwsUnavailable, match=r"Documents cannot be uploaded to s3://inputs/: .*localhost:9"):
        transport.upload(tmp_path / "a.png", S3Location("inputs", "key"), "image/png")
