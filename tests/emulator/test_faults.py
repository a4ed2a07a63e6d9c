"""Faults: what strikes, how often, repeatably; and what real clients see of them."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.fault_answers import SERVICES
from async_endpoint.emulator.faults import Fault, FaultError, Faults
from async_endpoint.emulator.faults_api import FaultClient
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
def test_what_becomes_of_a_notification(kind: Any, expected: tuple[float, ...]) -> None:  # noqa: ANN401 - one of the kinds
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
    assert faults.capacity_error("ml.m5.xlarge") is None
    assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in (faults.capacity_error("ml.g4dn.xlarge") or "")


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


def client(running: Running, service: str, attempts: int = 1) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
        service,
        endpoint_url=running.local.endpoint_url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={}),
    )


def call(running: Running, service: str, attempts: int = 1) -> Any:  # noqa: ANN401 - an answer
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
    running: Running, faults: FaultClient, backends: Backends
) -> None:
    """Its look at the queues, each minute, would else use up what was meant for a client."""
    faults.add("error", service="sqs", count=1)
    backends.sqs.list_queues()
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


def test_without_capacity_a_first_deployment_fails_in_awss_words(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's
    with fake_region(tmp_path, FakeInstance()) as region:
        region.site.faults.add(Fault("no-capacity", instance_type="ml.g4dn.xlarge"))
        endpoint = region.create("receipts")
        assert endpoint.status == "Failed"
        assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in (endpoint.failure_reason or "")
