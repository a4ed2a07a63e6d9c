"""The oldest waiting jobs are asked for, few of them twice, and all of them in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from async_endpoint.protocol import AttemptRequest, JobRecord, JobState
from shared.admission import Admitter


@dataclass
class World:
    """Jobs that wait, and a queue."""

    waiting: list[str] = field(default_factory=lambda: [f"job-{number:03}" for number in range(300)])
    sent: list[str] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    now: float = 0.0
    in_queue: int = 0

    def oldest_waiting(self, limit: int) -> Sequence[JobRecord]:
        return [JobRecord(job_id=job, state=JobState.RECEIVED, claimed_until=0) for job in self.waiting[:limit]]

    def request_all(self, requests: Sequence[AttemptRequest], delay_seconds: int) -> None:
        assert {request.attempt for request in requests} == {1}
        self.sent += [request.job_id for request in requests]
        self.delays.append(delay_seconds)

    def depth(self) -> int:
        return self.in_queue

    @property
    def admitter(self) -> Admitter:
        return Admitter(self, self, lambda: self.now, lambda _: None)


@pytest.fixture
def world() -> World:
    return World()


def test_the_oldest_are_asked_for_and_at_the_next_time_those_after_them(world: World) -> None:
    admitter = world.admitter
    assert (admitter.ask(3), admitter.ask(2)) == (3, 2)
    assert world.sent == [f"job-{number:03}" for number in range(5)]


def test_jobs_that_found_no_room_are_asked_for_again_after_all_others(world: World) -> None:
    world.waiting = ["a", "b"]
    admitter = world.admitter
    for _ in range(3):
        assert admitter.ask(1) == 1
        world.now += 1
    assert world.sent == ["a", "b", "a"]


def test_after_a_minute_the_order_is_that_of_arrival_again(world: World) -> None:
    admitter = world.admitter
    admitter.ask(1)
    world.now = 60
    admitter.ask(1)
    assert world.sent == ["job-000", "job-000"]


def test_requests_after_an_outcome_wait_until_the_index_shows_it(world: World) -> None:
    world.admitter.replace(2)
    assert (world.sent, world.delays) == (["job-000", "job-001"], [1])


def test_room_is_filled_but_not_twice(world: World) -> None:
    admitter = world.admitter
    assert [admitter.fill(room, in_hand=0) for room in (4, 6, 3)] == [4, 2, 0]
    world.now = 5
    assert admitter.fill(3, in_hand=0) == 3


@pytest.mark.parametrize(
    ("room", "in_queue", "in_hand", "asked"), [(8, 5, 0, 3), (8, 10, 5, 3), (8, 3, 5, 8), (8, 20, 10, 1), (0, 0, 0, 0)]
)
def test_an_environment_without_memory_asks_for_what_the_queue_does_not_hold_already(
    world: World, room: int, in_queue: int, in_hand: int, asked: int
) -> None:
    world.in_queue = in_queue
    assert world.admitter.fill(room, in_hand=in_hand) == asked


def test_requests_of_environments_without_memory_do_not_multiply(world: World) -> None:
    pending = world.admitter.fill(50, in_hand=0)
    deepest = pending
    for _ in range(100):  # each batch finds room, and none of its jobs waits any more
        batch = min(10, pending)
        world.in_queue = pending
        pending += world.admitter.fill(50, in_hand=batch) - batch
        deepest = max(deepest, pending)
    assert (deepest, pending > 0) == (50, True)


def test_nobody_waits_and_nothing_is_sent(world: World) -> None:
    world.waiting = []
    assert (world.admitter.ask(5), world.admitter.ask(0), world.delays) == (0, 0, [])


def test_environments_that_ask_at_once_take_different_ones_of_the_oldest(world: World) -> None:
    admitter = Admitter(world, world, lambda: 0.0, lambda jobs: jobs.reverse())
    admitter.ask(2)
    assert world.sent == ["job-049", "job-048"]


def test_one_call_asks_for_a_hundred_at_most(world: World) -> None:
    assert world.admitter.ask(1_000) == 100
