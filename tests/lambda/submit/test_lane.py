"""The lane: urgent documents at once, others while there is room and in order, and no room that nobody fills."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobState,
    Upload,
    VariantCapacity,
    merge_records,
    record_attempt,
    record_cancelled,
    record_received,
    record_rejected,
    record_submitted,
    record_waiting,
)
from submit.lane import Lane, put_aside
from submit.lane_limit import LimitSettings
from submit.ports import AcceptanceUnknown, RetryLater
from tests.support.intake import NOW, Intake, object_created

NEVER = 4_000_000_000
MOMENT = datetime.fromtimestamp(NOW, UTC)
# One instance that works on four documents, and takes eight.
SETTINGS = LimitSettings(
    instance_requests=8, instance_batch=4, backlog_per_instance=5, max_instances=1, batch_size=10, max_concurrency=10
)


@dataclass
class World:
    """What the lane looks at, and the lane."""

    running: int = 1
    desired: int = 1
    per_second: float = 0.0
    with_endpoint: int = 0
    waits: bool = False
    queue: int = 1
    trouble: Exception | None = None
    calls: list[str] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    filled: list[int] = field(default_factory=list)
    in_hand: list[int] = field(default_factory=list)
    intake: Intake = field(default_factory=Intake)
    settings: LimitSettings = SETTINGS

    def __post_init__(self) -> None:
        self.lane = Lane(
            self, self.settings, urgent_prefix="inbox-urgent/", fill=self.fill, clock=lambda: self.intake.now
        )
        self.intake.lane = self.lane

    def capacity(self) -> VariantCapacity:
        self.calls.append("capacity")
        if self.trouble:
            raise self.trouble
        return VariantCapacity(status="InService", running=self.running, desired=self.desired)

    def outcomes_per_second(self) -> float:
        return self.per_second

    def submitted(self, *, since: datetime, most: int) -> int:
        self.calls.append("submitted")
        self.since.append(since)
        return min(self.with_endpoint, most)

    def anybody_waits(self) -> bool:
        self.calls.append("waits")
        return self.waits

    def queued(self) -> int:
        self.calls.append("queued")
        return self.queue

    def fill(self, room: int, *, in_hand: int) -> int:
        self.filled.append(room)
        self.in_hand.append(in_hand)
        if self.trouble:
            raise self.trouble
        return room

    def batch(self, *messages: Any) -> list[str]:
        self.lane.begin()
        said = [self.intake.deliver(message) for message in messages]
        self.lane.end()
        return said

    def upload(self, count: int, prefix: str = "inbox/") -> list[Any]:
        keys = [f"{prefix}{number}.png" for number in range(count)]
        for key in keys:
            self.intake.put(key)
        return [object_created(key) for key in keys]

    def states(self) -> list[tuple[JobState, bool]]:
        records = map(JobRecord.from_item, self.intake.table.items.values())
        return [(record.state, record.waits_for_admission) for record in records]


@pytest.fixture
def world() -> World:
    return World()


SUBMITTED, WAITING = (JobState.SUBMITTED, False), (JobState.RECEIVED, True)


def test_documents_are_submitted_while_there_is_room_and_the_others_wait(world: World) -> None:
    world.with_endpoint, world.queue = 5, 3
    said = world.batch(*world.upload(5))
    assert world.states() == [SUBMITTED] * 3 + [WAITING] * 2
    assert said[-1] == "s3://inputs/inbox/4.png waits for admission: there is no room for it now."
    assert world.lane.take_put_aside() == 2
    assert world.lane.take_put_aside() == 0


def test_an_urgent_document_is_submitted_though_there_is_no_room_and_costs_no_look(world: World) -> None:
    world.with_endpoint = 1_000
    world.batch(*world.upload(2, "inbox-urgent/"))
    assert world.states() == [SUBMITTED] * 2
    assert (world.calls, world.filled) == ([], [])


def test_a_batch_looks_once_however_many_documents_it_has(world: World) -> None:
    world.queue = 5
    world.batch(*world.upload(5))
    world.batch(*world.upload(5))
    assert world.calls == ["capacity", *["submitted", "waits", "queued"] * 2]


def test_a_new_document_does_not_overtake_those_that_wait_and_they_are_asked_for(world: World) -> None:
    world.waits = True
    world.batch(*world.upload(3))
    assert world.states() == [WAITING] * 3
    assert world.filled == [8]


def test_a_document_whose_turn_it_is_takes_the_room(world: World) -> None:
    world.with_endpoint = 8
    world.batch(*world.upload(2))
    jobs = list(world.intake.table.items)
    world.with_endpoint, world.waits = 7, True

    said = world.batch(*[AttemptRequest(job, 1).to_message() for job in jobs])

    assert world.states() == [SUBMITTED, WAITING]
    assert "is submitted" in said[0]
    assert world.filled == []


def test_a_batch_that_leaves_room_says_how_many_requests_it_had_in_hand(world: World) -> None:
    world.with_endpoint = 8
    world.batch(*world.upload(3))
    jobs = list(world.intake.table.items)
    world.with_endpoint, world.waits = 0, True

    world.batch(*world.upload(1, "inbox/new-"), *[AttemptRequest(job, 1).to_message() for job in jobs])

    assert (world.filled, world.in_hand) == ([5], [3])


def test_a_small_inbox_changes_nothing(world: World) -> None:
    world.queue = 8
    world.batch(*world.upload(8))
    assert world.states() == [SUBMITTED] * 8
    assert world.filled == []


def test_of_a_burst_each_batch_takes_its_share_and_no_more_until_the_index_shows_it(world: World) -> None:
    world.queue = 5_000
    world.batch(*world.upload(3))
    assert world.states() == [SUBMITTED, WAITING, WAITING]
    world.intake.now += 0.9
    world.batch(object_created("inbox/9.png"))
    assert world.states()[-1] == WAITING
    world.intake.now += 0.2
    world.intake.put("inbox/8.png")
    world.batch(object_created("inbox/8.png"))
    assert world.states()[-1] == SUBMITTED


def test_a_request_of_which_nobody_knows_whether_it_was_accepted_takes_room(world: World) -> None:
    world.with_endpoint = 7
    world.intake.endpoint.rejections = [AcceptanceUnknown("broken")]
    first, second = world.upload(2)
    world.lane.begin()
    with pytest.raises(AcceptanceUnknown):
        world.intake.deliver(first)
    world.intake.deliver(second)
    assert world.states()[-1] == WAITING


def test_a_rejected_document_leaves_its_room_to_the_next(world: World) -> None:
    world.with_endpoint, world.queue = 7, 1
    (good,) = world.upload(1)
    world.batch(object_created("inbox/gone.png"), good)
    assert world.states() == [(JobState.FAILED, False), SUBMITTED]


def test_a_job_that_was_admitted_once_is_not_held_up_again(world: World) -> None:
    """Its claim is over, or was released after an error, and its message was delivered again."""
    (event,) = world.upload(1)
    for error in (RetryLater("slow down"), AcceptanceUnknown("broken")):
        world.intake.endpoint.rejections = [error]
        world.lane.begin()
        with pytest.raises(type(error)):
            world.intake.deliver(event)
    world.with_endpoint = 8
    with pytest.raises(RetryLater, match="has the claim"):
        world.batch(event)
    world.intake.now += 200
    world.batch(event)
    assert world.states() == [SUBMITTED]


def test_a_request_older_than_an_hour_takes_no_room(world: World) -> None:
    world.batch(*world.upload(1))
    assert world.since == [MOMENT - timedelta(hours=1)]


def test_what_is_known_of_the_endpoint_holds_for_seconds_and_an_error_leaves_it_as_it_was(world: World) -> None:
    world.running = world.desired = 3
    world.with_endpoint, world.queue = 8, 4
    world.batch(*world.upload(1))
    assert world.states() == [SUBMITTED]
    world.trouble = PermissionError("no")
    world.intake.now += 11
    world.intake.put("inbox/b.png")
    world.batch(object_created("inbox/b.png"))
    assert world.states() == [SUBMITTED] * 2


def test_room_that_cannot_be_filled_is_said_and_fails_nothing(world: World) -> None:
    world.waits, world.trouble = True, PermissionError("no")
    world.batch(*world.upload(1))
    assert world.filled == [8]


def received(attempt: int = 1, claimed_until: int | None = None) -> JobRecord:
    upload = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="eu-central-1", received_at=MOMENT)
    first = record_received(upload, claimed_until=None, expires_at=NEVER)
    if attempt > 1:
        failed = merge_records(first, record_rejected(upload, "500", at=MOMENT, expires_at=NEVER))
        first = merge_records(failed, record_attempt(failed, cause="again", at=MOMENT))
    return merge_records(first, record_received(upload, attempt=attempt, claimed_until=claimed_until, expires_at=NEVER))


def waiting(attempt: int = 1) -> JobRecord:
    upload = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="eu-central-1", received_at=MOMENT)
    return record_waiting(upload, attempt=attempt, expires_at=NEVER)


@pytest.mark.parametrize(
    ("existing", "waits"),
    [
        (lambda: None, True),
        (waiting, True),
        (lambda: received(attempt=2), True),
        (received, False),  # released after an error
        (lambda: received(claimed_until=7), False),
        (lambda: received(attempt=2, claimed_until=7), False),
        (lambda: merge_records(waiting(), record_cancelled(waiting(), "no", at=MOMENT)), False),
    ],
)
def test_a_job_waits_if_it_was_never_admitted(existing: Callable[[], JobRecord | None], *, waits: bool) -> None:
    job = existing()
    assert put_aside(job, waiting(job.attempt if job else 1)).waits_for_admission is waits


def test_a_submitted_job_stays_as_it_is() -> None:
    upload = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="eu-central-1", received_at=MOMENT)
    submitted = record_submitted(
        upload, at=MOMENT, content_type=None, output_location="s3://o/1", failure_location=None, expires_at=NEVER
    )
    assert put_aside(submitted, waiting()) is submitted
