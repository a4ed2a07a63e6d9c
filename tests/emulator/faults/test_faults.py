"""Faults: what strikes, how often, repeatably; and what real clients see of them."""

import http.client
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.faults.fault_responses import SERVICES
from async_endpoint.emulator.faults.faults import Fault, FaultError, Faults, Shortage
from async_endpoint.emulator.faults.http import FaultClient
from tests.emulator.conftest import Running
from tests.emulator.fakes import REGION, FakeInstance, fake_region

CALLS = 200


def decisions(seed: int, *, before: int = 0) -> list[bool]:
    """What a fault decides over many calls, when so many others of other kinds came before."""
    faults = Faults(seed)
    faults.add(Fault("error", rate=0.3, service="s3"))
    faults.add(Fault("drop", rate=0.5))
    struck = []
    for _ in range(CALLS):
        for _ in range(before):
            faults.deliveries("receipts")
        struck.append(faults.before("s3", "PutObject") is not None)
    return struck


def test_a_seed_repeats_the_decisions_and_another_makes_others() -> None:
    assert decisions(1) == decisions(1)
    assert decisions(1) != decisions(2)
    assert 0.2 * CALLS < sum(decisions(1)) < 0.4 * CALLS


def test_one_fault_does_not_disturb_the_chances_of_another() -> None:
    assert decisions(1, before=3) == decisions(1)


def refusals(first: Fault) -> list[int | None]:
    """The status that each of many calls is refused with, when a fault of the same kind is switched on as the second.

    The one that is looked at throttles, which is 503; the first says 500.
    """
    faults = Faults(1)
    faults.add(first)
    faults.add(Fault("throttle", rate=0.3, service="s3"))
    found = [faults.before("s3", "PutObject") for _ in range(CALLS)]
    return [None if refused is None else refused[0] for refused in found]


@pytest.mark.parametrize("rate", [0.01, 0.5, 0.9])
def test_one_fault_does_not_disturb_the_chances_of_another_of_its_kind(rate: float) -> None:
    alone = refusals(Fault("error", rate=rate, service="s3", operation="GetObject"))
    both = refusals(Fault("error", rate=rate, service="s3"))
    assert 500 in both
    assert [mine for mine, other in zip(alone, both, strict=True) if other != 500] == [
        status for status in both if status != 500
    ]


def test_a_notification_that_is_dropped_disturbs_no_chance_and_is_neither_doubled_nor_reordered() -> None:
    def delivered(first: Fault) -> tuple[list[tuple[float, ...]], list[int]]:
        faults = Faults(1)
        for fault in (first, Fault("double", rate=0.3), Fault("reorder", rate=0.3)):
            faults.add(fault)
        deliveries = [faults.deliveries("receipts") for _ in range(CALLS)]
        return deliveries, [fault["struck"] for fault in faults.describe()["faults"]]

    alone, _ = delivered(Fault("drop", endpoint="another"))
    some, struck = delivered(Fault("drop", rate=0.5))
    assert [mine for mine, dropped in zip(alone, some, strict=True) if dropped] == [each for each in some if each]
    late = [(2.0,), (2.0, 2.0)]
    assert struck == [some.count(()), sum(len(each) == 2 for each in some), sum(each in late for each in some)]


def test_of_two_faults_that_would_strike_a_call_the_one_switched_on_first_does_and_it_alone_counts() -> None:
    faults = Faults()
    faults.add(Fault("error", service="s3", count=2))
    faults.add(Fault("throttle", service="s3", count=1))
    refused = [faults.before("s3", "PutObject") for _ in range(4)]
    assert [each and each[0] for each in refused] == [500, 500, 503, None]
    assert [fault["struck"] for fault in faults.describe()["faults"]] == [2, 1]


def test_clearing_with_a_seed_begins_anew() -> None:
    faults = Faults(1)
    faults.add(Fault("error", service="s3"))
    faults.clear(seed=5)
    assert faults.describe() == {"seed": 5, "faults": []}
    assert faults.before("s3", "PutObject") is None
    assert faults.add(Fault("drop")) == 1


def test_a_fault_ends_after_its_count() -> None:
    faults = Faults()
    faults.add(Fault("kill", count=2, endpoint="receipts"))
    assert [faults.kills("other"), *(faults.kills("receipts") for _ in range(3))] == [False, True, True, False]
    assert faults.describe()["faults"][0]["struck"] == 2


@pytest.mark.parametrize(
    ("kind", "expected"), [(None, (0.0,)), ("drop", ()), ("double", (0.0, 0.0)), ("reorder", (2.0,))]
)
def test_what_becomes_of_a_notification(kind: Any, expected: tuple[float, ...]) -> None:
    faults = Faults()
    if kind:
        faults.add(Fault(kind))
    assert faults.deliveries("receipts") == expected


def test_a_slow_start_has_its_seconds_or_five_minutes() -> None:
    faults = Faults()
    assert faults.start_delay("receipts") == 0
    faults.add(Fault("slow-start", endpoint="receipts", seconds=7.0))
    faults.add(Fault("slow-start"))
    assert (faults.start_delay("receipts"), faults.start_delay("others")) == (7.0, 300.0)


def test_capacity_is_refused_for_the_type_alone() -> None:
    faults = Faults()
    faults.add(Fault("no-capacity", instance_type="ml.g4dn.xlarge"))
    assert faults.shortage("ml.m5.xlarge") is None
    refused = faults.shortage("ml.g4dn.xlarge")
    assert refused is not None
    assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in refused.reason
    assert refused.awaited == 0


def test_stalled_capacity_is_awaited_for_its_seconds_or_half_an_hour() -> None:
    faults = Faults()
    faults.add(Fault("stalled-capacity", instance_type="ml.g4dn.xlarge", seconds=60.0))
    faults.add(Fault("stalled-capacity"))
    assert faults.shortage("ml.g4dn.xlarge") == Shortage(_insufficient("ml.g4dn.xlarge"), 60.0)
    assert faults.shortage("ml.g5.xlarge") == Shortage(_insufficient("ml.g5.xlarge"), 1800.0)


def test_of_two_shortages_the_one_switched_on_first_strikes() -> None:
    faults = Faults()
    faults.add(Fault("stalled-capacity", count=1))
    faults.add(Fault("no-capacity", count=1))
    awaited = [None if found is None else found.awaited for found in (faults.shortage("ml.m5.xlarge") for _ in "123")]
    assert awaited == [1800.0, 0.0, None]


def _insufficient(instance_type: str) -> str:
    return (
        "InsufficientInstanceCapacity: Unable to provision requested ML compute capacity due to "
        f"InsufficientInstanceCapacity error for {instance_type}. Please retry using a different ML instance type or "
        "after some time."
    )


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"kind": "flood"}, "There is no fault 'flood': choose one of error, "),
        ({}, "There is no fault ''"),
        ({"kind": "kill", "wheel": 1}, "A fault has no member 'wheel'"),
        ({"kind": "kill", "rate": 0}, "A rate is above 0 and up to 1, not 0"),
        ({"kind": "kill", "count": 0}, "A count is a whole number from 1 on, not 0"),
        ({"kind": "kill", "service": "s3"}, "The fault kill has no service"),
        ({"kind": "error", "service": "ec2"}, "'ec2' is no service that can fail: choose one of s3, "),
        ({"kind": "no-capacity", "seconds": 60}, "The fault no-capacity has no seconds"),
        ({"kind": "stalled-capacity", "endpoint": "e"}, "The fault stalled-capacity has no endpoint"),
        ({"kind": "stalled-capacity", "seconds": 0}, "A delay is a number of seconds above 0, not 0"),
        ({"kind": "slow-start", "seconds": -1}, "A delay is a number of seconds above 0, not -1"),
    ],
)
def test_a_fault_that_there_is_not_is_refused(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FaultError) as refused:
        Fault.of(members)
    assert str(refused.value).startswith(sentence)


# -- on a running local AWS, with real clients -------------------------------------------------------------------


@pytest.fixture
def faults(running: Running) -> Iterator[FaultClient]:
    client = running.local.faults
    yield client
    client.clear(seed=0)


def client(running: Running, service: str, attempts: int = 1) -> Any:
    return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
        service,
        endpoint_url=running.local.endpoint_url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={}),
    )


def call(running: Running, service: str, attempts: int = 1) -> Any:
    """A call that would succeed, or fail for another reason, if nothing were wrong."""
    name = f"none-{uuid.uuid4().hex[:8]}"
    made = client(running, service, attempts)
    match service:
        case "s3":
            return made.put_object(Bucket="faulty", Key=name, Body=b"x")
        case "sns":
            return made.list_topics()
        case "sqs":
            return made.list_queues()
        case _:
            return made.list_tables()


@pytest.fixture(scope="module", autouse=True)
def bucket(running: Running) -> None:
    client(running, "s3").create_bucket(Bucket="faulty")


@pytest.mark.parametrize(
    ("service", "throttle", "code", "status"),
    [
        ("s3", False, "InternalError", 500),
        ("s3", True, "SlowDown", 503),
        ("sns", False, "InternalError", 500),
        ("sns", True, "Throttling", 400),
        ("dynamodb", False, "InternalServerError", 500),
        ("dynamodb", True, "ProvisionedThroughputExceededException", 400),
        ("sqs", False, "InternalFailure", 500),
        ("sqs", True, "RequestThrottled", 400),
    ],
)
def test_a_client_sees_the_error_of_the_service(
    running: Running,
    faults: FaultClient,
    service: str,
    throttle: bool,  # noqa: FBT001 - a parameter of the test
    code: str,
    status: int,
) -> None:
    faults.add("throttle" if throttle else "error", service=service, count=1)
    with pytest.raises(ClientError) as refused:
        call(running, service)
    assert refused.value.response["Error"]["Code"].rpartition("#")[2] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(running, service)  # the fault has ended


@pytest.mark.parametrize("service", SERVICES)
def test_a_throttle_is_tried_again_by_botocore_and_goes_through(
    running: Running, faults: FaultClient, service: str
) -> None:
    faults.add("throttle", service=service, count=1)
    assert call(running, service, attempts=3)["ResponseMetadata"]["RetryAttempts"] == 1


def test_what_the_local_aws_measures_by_is_struck_by_no_fault(
    running: Running, faults: FaultClient, clients: AwsClients
) -> None:
    """Its look at the queues, each minute, would else use up what was meant for a client."""
    faults.add("error", service="sqs", count=1)
    clients.measuring.sqs.list_queues()
    assert faults.describe()["faults"][0]["struck"] == 0
    with pytest.raises(ClientError):
        call(running, "sqs")


def test_one_operation_alone_is_refused(running: Running, faults: FaultClient) -> None:
    faults.add("error", service="s3", operation="GetObject")
    s3 = client(running, "s3")
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
    """A request that a client signed in its query, for whoever has no credentials."""
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
    """A request with a signature in its header, of which nobody looks at more than what it is for."""
    signature = f"AWS4-HMAC-SHA256 Credential=local/20270115/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
    return Request(method, f"http://{host}:{running.local.port}{path}", {"Authorization": signature})


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_presigned_request_is_refused_as_its_operation(
    running: Running, faults: FaultClient, style: Literal["path", "virtual"], signature: str
) -> None:
    put, get = (presigned(running, operation, style, signature) for operation in ("put_object", "get_object"))
    assert (sent(running, put), sent(running, get)) == (200, 200)
    faults.add("error", service="s3", operation="PutObject")
    assert (sent(running, put), sent(running, get)) == (500, 200)
    faults.add("throttle", service="s3", operation="GetObject")
    assert sent(running, get) == 503


@pytest.mark.parametrize("host", ["faulty.localhost", "faulty.s3.localhost", "faulty.s3.us-east-1.localhost"])
def test_a_request_to_the_host_of_a_bucket_is_refused_as_its_operation(
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


def test_a_query_signed_in_its_address_is_refused_as_its_action(running: Running, faults: FaultClient) -> None:
    faults.add("error", service="sns", operation="ListTopics")
    address = f"{running.local.endpoint_url}/?X-Amz-Credential=local%2F20270115%2F{REGION}%2Fsns%2Faws4_request&Action="
    assert sent(running, Request("GET", f"{address}ListTopics")) == 500
    assert sent(running, Request("GET", f"{address}ListSubscriptions")) == 200


def test_a_request_that_nobody_signed_is_struck_by_no_fault(running: Running, faults: FaultClient) -> None:
    client(running, "s3").put_object(Bucket="faulty", Key="unsigned", Body=b"x")
    faults.add("error", service="s3")
    assert sent(running, Request("GET", f"{running.local.endpoint_url}/faulty/unsigned")) == 200


def test_a_query_is_answered_with_its_body_untouched(running: Running, faults: FaultClient) -> None:
    """The front reads the body of a query to see what it asks for; the service must read it again."""
    faults.add("error", service="sns", operation="Publish")
    sns = client(running, "sns")
    topic = sns.create_topic(Name=f"untouched-{uuid.uuid4().hex[:8]}")["TopicArn"]
    with pytest.raises(ClientError, match="InternalError"):
        sns.publish(TopicArn=topic, Message="x")


def test_a_wrong_fault_is_refused_with_its_sentence(faults: FaultClient) -> None:
    with pytest.raises(FaultError, match=r"^There is no fault 'flood'"):
        faults.add("flood")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"content-type": "text/plain"}, 415), ({"content-type": "application/json", "host": "evil.example"}, 403)],
)
def test_a_page_of_the_web_can_switch_nothing(running: Running, headers: dict[str, str], status: int) -> None:
    request = urllib.request.Request(  # noqa: S310 - localhost
        f"{running.local.endpoint_url}/_local/faults", json.dumps({"kind": "kill"}).encode(), headers, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310 - localhost
    assert refused.value.code == status
    refused.value.close()
    assert running.local.faults.describe()["faults"] == []


def test_an_unknown_page_says_so(running: Running) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{running.local.endpoint_url}/_local/nothing", timeout=5)  # noqa: S310 - localhost
    assert refused.value.code == 404
    assert json.load(refused.value)["message"] == "There is nothing at /_local/nothing."


# -- what they do to endpoints -----------------------------------------------------------------------------------


def test_without_capacity_a_first_deployment_fails_in_awss_words(tmp_path: Any) -> None:
    with fake_region(tmp_path, FakeInstance()) as region:
        region.context.faults.add(Fault("no-capacity", instance_type="ml.g4dn.xlarge"))
        endpoint = region.create("receipts")
        assert endpoint.status == "Failed"
        assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in (endpoint.failure_reason or "")
