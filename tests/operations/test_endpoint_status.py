"""The wait until SageMaker has finished changing an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.endpoint_status import CHANGING, EndpointBusy, EndpointState, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3
    from mypy_boto3_sagemaker.client import SageMakerClient

    from tests.support.endpoint_fixtures import Clock


@pytest.fixture
def sagemaker(session: boto3.Session) -> Iterator[SageMakerClient]:
    client = session.client("sagemaker")
    yield client
    client.close()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    return Deadline(60, interval=20, clock=clock, sleep=clock.sleep)


@pytest.fixture
def endpoint_is(sagemaker: SageMakerClient) -> Iterator[Callable[..., None]]:
    """Scripts the status in each response of DescribeEndpoint."""
    with Stubber(sagemaker) as stub:

        def script(*statuses: str) -> None:
            described = {"EndpointName": "receipts", "EndpointArn": "arn:aws:sagemaker:a:1:endpoint/receipts"}
            members = {"CreationTime": 0, "LastModifiedTime": 0, "EndpointConfigName": "config"}
            for status in statuses:
                stub.add_response("describe_endpoint", {**described, **members, "EndpointStatus": status})

        yield script
        stub.assert_no_pending_responses()


def test_it_waits_while_an_endpoint_is_being_changed(
    sagemaker: SageMakerClient, endpoint_is: Callable[..., None], deadline: Deadline, clock: Clock
) -> None:
    endpoint_is("Updating", "Updating", "InService")
    said: list[str] = []
    assert wait_until_settled(sagemaker, "receipts", deadline, said.append) == EndpointState(
        "InService", "config", 0, None, "0"
    )
    assert said == ["Endpoint receipts is Updating: waiting."]
    assert clock.sleeps == [20, 20]


def test_it_waits_no_longer_than_its_deadline(
    sagemaker: SageMakerClient, endpoint_is: Callable[..., None], deadline: Deadline
) -> None:
    endpoint_is(*["Creating"] * 4)
    with pytest.raises(EndpointBusy, match="Endpoint receipts was still Creating after 60 s"):
        wait_until_settled(sagemaker, "receipts", deadline, lambda _: None)


@pytest.mark.parametrize(("statuses", "looks"), [(CHANGING, 1), (CHANGING | {"Deleting"}, 2)])
def test_the_caller_decides_whether_a_deletion_is_awaited(
    sagemaker: SageMakerClient,
    endpoint_is: Callable[..., None],
    deadline: Deadline,
    statuses: frozenset[str],
    looks: int,
) -> None:
    endpoint_is(*["Deleting", "Failed"][:looks])
    state = wait_until_settled(sagemaker, "receipts", deadline, lambda _: None, statuses=statuses)
    assert state is not None
    assert state.status == ["Deleting", "Failed"][looks - 1]


def test_a_missing_endpoint_is_not_awaited_and_other_errors_are_raised(
    sagemaker: SageMakerClient, deadline: Deadline
) -> None:
    with Stubber(sagemaker) as stub:
        stub.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
        assert wait_until_settled(sagemaker, "receipts", deadline, lambda _: None) is None
        stub.add_client_error("describe_endpoint", "ValidationException", "No access")
        with pytest.raises(ClientError, match="No access"):
            wait_until_settled(sagemaker, "receipts", deadline, lambda _: None)
