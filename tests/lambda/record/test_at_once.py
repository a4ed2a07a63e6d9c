"""The usual outcomes of a batch are written in one call, and nothing is different from writing them one by one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import InvocationRequest, JobsTableWriter, JobState
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox
from tests.support.notified import failure, success

Load = Callable[[str], Function]


@dataclass
class World:
    """Three submitted documents, the record function, and its calls of DynamoDB."""

    requests: list[InvocationRequest]
    record: Function
    calls: list[str] = field(default_factory=list)


@pytest.fixture
def begin(load: Load, inbox: VersionedInbox, server: EndpointServer) -> Callable[[], World]:
    """Loads the functions in the test itself: their log belongs to the phase in which they were imported."""

    def begun() -> World:
        submit, record = load("submit"), load("record")
        submit.process(*[json.dumps(inbox.put(f"inbox/{number}.png")) for number in range(3)])
        world = World(server.requests, record)

        def note(model: Any, **_: object) -> None:
            world.calls.append(model.name)

        record.module.table.meta.client.meta.events.register("before-call", note)
        return world

    return begun


def test_the_results_of_a_batch_take_one_call(begin: Callable[[], World], jobs: RecordedJobs) -> None:
    world = begin()
    kept, lines = world.record.process(
        *[success(request, f"s3://out/{request.inference_id}") for request in world.requests]
    )

    assert (kept, world.calls) == ([], ["TransactWriteItems"])
    assert {job.state for job in jobs.by_key().values()} == {JobState.COMPLETED}
    assert [line["message"] for line in lines] == [
        f"The job is COMPLETED: see s3://out/{request.inference_id}." for request in world.requests
    ]
    assert [line["job_id"] for line in lines] == [request.inference_id for request in world.requests]


def test_a_batch_with_a_doubled_result_a_failure_and_an_unknown_job_is_written_one_by_one(
    begin: Callable[[], World], jobs: RecordedJobs, jobs_table: Table
) -> None:
    world = begin()
    first, second, third = world.requests
    of_a_client = InvocationRequest(endpoint_name="receipts", input_location="s3://other/doc", inference_id="client")

    kept, _ = world.record.process(
        success(first, "s3://out/1"),
        success(first, "s3://out/1"),
        failure(second, "ClientError: Received client error (400) from model."),
        success(of_a_client, "s3://out/client"),
        success(third, "s3://out/3"),
    )

    assert kept == []
    assert world.calls[0] == "TransactWriteItems"
    assert "UpdateItem" in world.calls
    states = {key: job.state.value for key, job in jobs.by_key().items()}
    assert states == {
        "inbox/0.png": "COMPLETED",
        "inbox/1.png": "FAILED",
        "inbox/2.png": "COMPLETED",
        "doc": "COMPLETED",
    }
    assert JobsTableWriter(jobs_table).get("client") is not None


def test_a_second_result_of_the_same_batch_is_merged(begin: Callable[[], World], jobs: RecordedJobs) -> None:
    world = begin()
    first, second, _ = world.requests
    kept, lines = world.record.process(
        success(first, "s3://out/1"), success(second, "s3://out/2"), success(first, "s3://out/0")
    )

    assert kept == []
    assert (
        jobs.by_key()["inbox/0.png"].outcome_location == "s3://out/0"
    )  # of two results of an attempt, the smaller text
    assert lines[2]["message"] == "The job is COMPLETED: see s3://out/0."
