"""The jobs that a batch asks for are read in one call, and nothing is different from reading them one by one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobsTableWriter,
    JobState,
    Upload,
    merge_records,
    record_attempt,
    record_cancelled,
    record_waiting,
)
from submit.read_ahead import BatchJobs
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox
from tests.support.memory_table import MemoryTable

Load = Callable[[str], Function]
NEVER = 4_000_000_000
MOMENT = datetime(2027, 1, 15, 8, tzinfo=UTC)


@dataclass
class World:
    """Three documents that wait for admission, the submit function, and its calls of DynamoDB."""

    submit: Function
    jobs: list[JobRecord]
    calls: list[str] = field(default_factory=list)

    @property
    def requests(self) -> list[str]:
        return [AttemptRequest(job.job_id, job.attempt).to_message() for job in self.jobs]


@pytest.fixture
def begin(load: Load, inbox: VersionedInbox, jobs_table: Table) -> Callable[[], World]:
    """Loads the function in the test itself: its log belongs to the phase in which it was imported."""

    def begun() -> World:
        created = [inbox.put(f"inbox/{number}.png")["detail"]["object"] for number in range(3)]
        uploads = [
            Upload(
                bucket=inbox.bucket,
                key=each["key"],
                version=each["version-id"],
                region="ap-northeast-1",
                received_at=MOMENT,
            )
            for each in created
        ]
        waiting = [JobsTableWriter(jobs_table).merge(record_waiting(each, expires_at=NEVER)) for each in uploads]
        world = World(load("submit"), waiting)

        def note(model: Any, **_: object) -> None:
            world.calls.append(model.name)

        world.submit.module.jobs._batch_table.meta.client.meta.events.register("before-call", note)
        return world

    return begun


def test_a_batch_of_requests_takes_one_read_and_two_writes_a_document(
    begin: Callable[[], World], server: EndpointServer, jobs: RecordedJobs
) -> None:
    world = begin()
    kept, lines = world.submit.process(*world.requests)

    assert (kept, world.calls) == ([], ["BatchGetItem", *["UpdateItem"] * 6])
    assert {job.state for job in jobs.by_key().values()} == {JobState.SUBMITTED}
    assert len(server.requests) == 3
    assert [line["job_id"] for line in lines] == [job.job_id for job in world.jobs]


def test_a_request_that_comes_twice_in_a_batch_is_submitted_once(
    begin: Callable[[], World], server: EndpointServer
) -> None:
    world = begin()
    kept, lines = world.submit.process(*world.requests, *world.requests)

    assert (kept, len(server.requests)) == ([], 3)
    assert world.calls == ["BatchGetItem", *["UpdateItem"] * 6, *["GetItem"] * 3]
    assert [line["message"] for line in lines[3:]] == ["Nothing to do: the job is SUBMITTED already."] * 3


def test_what_another_wrote_since_is_noticed(
    begin: Callable[[], World], server: EndpointServer, jobs: RecordedJobs, jobs_table: Table
) -> None:
    world = begin()
    writer, read = JobsTableWriter(jobs_table), world.submit.module.jobs.begin

    def read_and_cancel(bodies: list[str]) -> None:
        read(bodies)
        for job in world.jobs[:2]:
            writer.merge(merge_records(job, record_cancelled(job, "by hand", at=MOMENT)))

    world.submit.module.jobs.begin = read_and_cancel
    kept, lines = world.submit.process(*world.requests)

    assert (kept, len(server.requests)) == ([], 1)
    assert [line["message"] for line in lines[:2]] == ["Nothing to do: the job is CANCELLED already."] * 2
    assert sorted(job.state.value for job in jobs.by_key().values()) == ["CANCELLED", "CANCELLED", "SUBMITTED"]


def test_other_messages_cost_no_read(begin: Callable[[], World], inbox: VersionedInbox) -> None:
    world = begin()
    new = [json.dumps(inbox.put(f"inbox/new-{number}.png")) for number in range(2)]
    kept, _ = world.submit.process("no JSON", *new, world.requests[0])

    assert (kept, world.calls) == ([0], [*["UpdateItem"] * 4, "GetItem", *["UpdateItem"] * 2])


class Ahead:
    """A table whose BatchGetItem gives what a test says."""

    def __init__(self, answer: Callable[[list[str]], dict[str, Any]]) -> None:
        self.name = "jobs"
        self.memory = MemoryTable()
        self.get_item, self.update_item = self.memory.get_item, self.memory.update_item
        self.meta = SimpleNamespace(client=self)
        self.answer = answer
        self.asked: list[list[str]] = []

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert RequestItems["jobs"]["ConsistentRead"]
        job_ids = [key["job_id"] for key in RequestItems["jobs"]["Keys"]]
        self.asked.append(job_ids)
        return self.answer(job_ids)


def jobs_of(table: Ahead, *job_ids: str) -> list[str]:
    """Has a batch read ahead; returns the ids of the jobs that are found then."""
    jobs: Any = BatchJobs(table)  # type: ignore[arg-type]  # it has the used methods
    for job_id in ("a", "b"):
        jobs.merge(JobRecord(job_id=job_id, state=JobState.RECEIVED))
    table.memory.reads = 0
    jobs.begin([AttemptRequest(job_id, 1).to_message() for job_id in job_ids])
    return [jobs.look(job_id).record.job_id for job_id in job_ids]


def test_jobs_that_the_response_lacks_are_read_on_their_own() -> None:
    item = {"job_id": "a", "state": "RECEIVED", "revision": 1}
    table = Ahead(lambda _: {"Responses": {"jobs": [item]}, "UnprocessedKeys": {"jobs": {"Keys": [{"job_id": "b"}]}}})
    assert (jobs_of(table, "a", "b", "a"), table.asked, table.memory.reads) == (["a", "b", "a"], [["a", "b"]], 2)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchGetItem"),
        ReadTimeoutError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
        ResponseParserError("It is no JSON."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_read_of_the_batch_costs_only_itself(error: Exception) -> None:
    def fail(_: list[str]) -> dict[str, Any]:
        raise error

    table = Ahead(fail)
    assert (jobs_of(table, "a", "b"), table.memory.reads) == (["a", "b"], 2)


def test_the_name_of_an_attempt_leads_to_its_job() -> None:
    table = Ahead(lambda ids: {"Responses": {"jobs": [table.memory.items[job_id] for job_id in ids]}})
    jobs: Any = BatchJobs(table)  # type: ignore[arg-type]  # it has the used methods
    job = jobs.merge(JobRecord(job_id="a", state=JobState.FAILED, version="v1"))
    name = jobs.name_attempt(jobs.merge(record_attempt(job, cause="by hand", at=MOMENT)))
    jobs.begin([AttemptRequest(job_id, 2).to_message() for job_id in ("a", name)])

    assert [jobs.look(job_id).record.job_id for job_id in ("a", name)] == ["a", "a"]


def test_what_was_read_for_a_batch_is_forgotten_in_the_next() -> None:
    table = Ahead(lambda ids: {"Responses": {"jobs": [dict(table.memory.items[job_id]) for job_id in ids]}})
    jobs: Any = BatchJobs(table)  # type: ignore[arg-type]  # it has the used methods
    for job_id in ("a", "b"):
        jobs.merge(JobRecord(job_id=job_id, state=JobState.RECEIVED))
    jobs.begin([AttemptRequest(job_id, 1).to_message() for job_id in ("a", "b")])
    jobs.begin([])
    jobs.merge(JobRecord(job_id="a", state=JobState.SUBMITTED))

    assert jobs.look("a").record.state is JobState.SUBMITTED
