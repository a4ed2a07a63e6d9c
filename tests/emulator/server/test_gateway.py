"""The gateway recognises a call by its request, so that faults strike the right ones; and it serves `/_local/`."""

import http.client
import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.faults.http import FaultClient
from tests.emulator.conftest import Running
from tests.emulator.fakes import REGION


@pytest.fixture(scope="module", autouse=True)
def bucket(running: Running) -> None:
    running.client("s3").create_bucket(Bucket="faulty")


def test_no_fault_strikes_the_local_awss_own_measurements(
    running: Running, faults: FaultClient, clients: AwsClients
) -> None:
    """Otherwise its look at the queues, each minute, would use up a fault that is meant for a client."""
    faults.add("error", service="sqs", count=1)
    clients.measuring.sqs.list_queues()
    assert faults.describe()["faults"][0]["struck"] == 0
    with pytest.raises(ClientError):
        running.client("sqs").list_queues()


def test_only_the_given_operation_fails(running: Running, faults: FaultClient) -> None:
    faults.add("error", service="s3", operation="GetObject")
    s3 = running.client("s3")
    s3.put_object(Bucket="faulty", Key="document", Body=b"x")
    with pytest.raises(ClientError, match="InternalError"):
        s3.get_object(Bucket="faulty", Key="document")
    assert faults.describe()["faults"][0]["struck"] == 1


@dataclass(frozen=True)
class Request:
    """One request to S3, signed or not."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


def sent(running: Running, request: Request) -> int:
    """The status of the answer to a request, whatever host it names: no resolver need know it."""
    parts = urlsplit(request.url)
    body = b"x" if request.method == "PUT" else None
    connection = http.client.HTTPConnection("localhost", running.local.port, timeout=10)
    try:
        headers = {"Host": parts.netloc, **request.headers}
        connection.request(request.method, f"{parts.path}?{parts.query}", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def presigned(running: Running, operation: str, style: Literal["path", "virtual"], signature: str) -> Request:
    """A request that a client signed in its query, for callers without credentials."""
    signer = boto3.client(
        "s3",
        endpoint_url=running.local.endpoint_url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - what `local env` gives, by which these signatures are verified
        config=Config(s3={"addressing_style": style}, signature_version=signature),
    )
    url = signer.generate_presigned_url(operation, Params={"Bucket": "faulty", "Key": "a/b"})
    return Request("PUT" if operation == "put_object" else "GET", url)


def signed(running: Running, method: str, host: str, path: str) -> Request:
    """A request with a signature in its header; only its scope is read."""
    signature = f"AWS4-HMAC-SHA256 Credential=local/20270115/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
    return Request(method, f"http://{host}:{running.local.port}{path}", {"Authorization": signature})


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_presigned_request_fails_as_its_operation(
    running: Running, faults: FaultClient, style: Literal["path", "virtual"], signature: str
) -> None:
    put, get = (presigned(running, operation, style, signature) for operation in ("put_object", "get_object"))
    assert (sent(running, put), sent(running, get)) == (200, 200)
    faults.add("error", service="s3", operation="PutObject")
    assert (sent(running, put), sent(running, get)) == (500, 200)
    faults.add("throttle", service="s3", operation="GetObject")
    assert sent(running, get) == 503


@pytest.mark.parametrize("host", ["faulty.localhost", "faulty.s3.localhost", "faulty.s3.us-east-1.localhost"])
def test_a_request_to_the_host_of_a_bucket_fails_as_its_operation(
    running: Running, faults: FaultClient, host: str
) -> None:
    assert sent(running, signed(running, "PUT", host, "/document")) == 200
    faults.add("error", service="s3", operation="GetObject")
    assert sent(running, signed(running, "GET", host, "/")) == 200  # lists
    assert sent(running, signed(running, "GET", host, "/document")) == 500
    assert sent(running, signed(running, "PUT", host, "/document")) == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "s3.localhost", "s3.us-east-1.localhost"])
def test_the_host_of_all_buckets_is_none_of_them(running: Running, faults: FaultClient, host: str) -> None:
    faults.add("error", service="s3", operation="GetObject")
    assert sent(running, signed(running, "GET", host, "/faulty")) == 200  # lists
    assert sent(running, signed(running, "GET", host, "/faulty/document")) == 500


def test_a_signature_of_version_2_in_the_header_is_one_for_s3(running: Running, faults: FaultClient) -> None:
    faults.add("error", service="s3", operation="GetObject")
    url = f"{running.local.endpoint_url}/faulty/document"
    assert sent(running, Request("GET", url, {"Authorization": "AWS local:c2lnbmVk"})) == 500


def test_a_query_signed_in_its_address_fails_as_its_action(running: Running, faults: FaultClient) -> None:
    faults.add("error", service="sns", operation="ListTopics")
    address = f"{running.local.endpoint_url}/?X-Amz-Credential=local%2F20270115%2F{REGION}%2Fsns%2Faws4_request&Action="
    assert sent(running, Request("GET", f"{address}ListTopics")) == 500
    assert sent(running, Request("GET", f"{address}ListSubscriptions")) == 200


def test_no_fault_strikes_an_unsigned_request(running: Running, faults: FaultClient) -> None:
    running.client("s3").put_object(Bucket="faulty", Key="unsigned", Body=b"x")
    faults.add("error", service="s3")
    assert sent(running, Request("GET", f"{running.local.endpoint_url}/faulty/unsigned")) == 200


def test_a_query_is_answered_with_its_body_untouched(running: Running, faults: FaultClient) -> None:
    """The front reads the body of a query to see what it asks for; the service must read it again."""
    faults.add("error", service="sns", operation="Publish")
    sns = running.client("sns")
    topic = sns.create_topic(Name=f"untouched-{uuid.uuid4().hex[:8]}")["TopicArn"]
    with pytest.raises(ClientError, match="InternalError"):
        sns.publish(TopicArn=topic, Message="x")


def test_an_unknown_page_says_so(running: Running) -> None:
    with pytest.raises(urllib.error.HTTPError) as rejected:
        urllib.request.urlopen(f"{running.local.endpoint_url}/_local/nothing", timeout=5)  # noqa: S310 - localhost
    assert rejected.value.code == 404
    assert json.load(rejected.value)["message"] == "There is nothing at /_local/nothing."


FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("retry", {}, 403),
        ("retry", {"Origin": "null"}, 403),
        ("retry", {"Origin": "http://pages.example"}, 403),
        ("retry", {"Origin": "http://localhost"}, 403),  # another program on another port
        ("retry", {"Origin": "http://localhost:{port}.pages.example"}, 403),
        ("retry", {"Origin": "http://localhost:{port}"}, 409),  # taken, and then it has no token
        ("retry", {"Origin": "http://localhost:{port}", "Host": "pages.example:{port}"}, 403),
        ("retry", {"Origin": "http://localhost:{port}", "Content-Type": "text/plain"}, 415),
        ("faults", {"Origin": "http://localhost:{port}"}, 415),  # takes no form
    ],
)
def test_a_form_is_taken_from_the_local_awss_own_pages_alone(
    running: Running, path: str, headers: dict[str, str], status: int
) -> None:
    sent = FORM | {name: value.format(port=running.local.port) for name, value in headers.items()}
    connection = http.client.HTTPConnection("localhost", running.local.port, timeout=10)
    try:
        connection.request("POST", f"/_local/{path}", b"token=guessed&job=any", sent)
        assert connection.getresponse().status == status
    finally:
        connection.close()
