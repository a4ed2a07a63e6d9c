"""The watchdog when something fails or changes during a run."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.watchdog_world import IDLE, World, watched
from watchdog.ports import Fleet, StopRejected


def test_a_gap_between_two_looks_counts_as_work() -> None:
    """What went on in it was not seen: the instance may have slept, and been woken a moment ago."""
    world = watched()
    world.watch(90)
    world.minute += 20
    assert world.look() == "The last look was 20 minutes ago. The idle time is 0."

    assert (world.notices, world.stopped) == ([], [])


def test_one_look_that_failed_is_no_gap() -> None:
    world = watched()
    world.watch(80)
    world.minute += 10  # one run of the schedule did not come to its end
    world.look()
    world.watch(5)

    assert world.stopped == [(95, 0)]


def test_a_wake_between_two_looks_shows_by_the_time_of_the_change() -> None:
    """It slept and was woken within five minutes: the count is what it was."""
    world = watched()
    world.watch(90)
    world.change(instances=1)
    assert world.watch(5) == "The endpoint was changed since the last look. The idle time is 0."

    assert world.stopped == []


def arrives(world: World) -> None:
    world.traces = replace(IDLE, messages=1)


def is_updated(world: World) -> None:
    world.state = replace(world.state, status="Updating")


def is_changed(world: World) -> None:
    world.change(instances=2)


def is_kept_warm(world: World) -> None:
    world.state = replace(world.state, minimum=1)


@pytest.mark.parametrize("meanwhile", [arrives, is_updated, is_changed, is_kept_warm])
def test_what_comes_between_the_two_looks_of_a_run_keeps_the_instance(meanwhile: Callable[[World], None]) -> None:
    world = watched()
    world.watch(90)
    world.before_second_look = meanwhile

    assert "They are not stopped, because a second look found:" in world.watch(5)

    assert world.stopped == []


def test_a_stop_that_sagemaker_rejects_is_tried_again_without_another_notification() -> None:
    world = watched(rejection=StopRejected('Cannot update in-progress endpoint "arn".'))
    said = world.watch(105)

    assert said.endswith(
        'They could not be stopped, and the next run tries again: Cannot update in-progress endpoint "arn".'
    )
    world.rejection = None
    world.watch(5)
    assert world.stopped == [(110, 0)]
    assert [minute for minute, _, _ in world.notices] == [95]


def test_a_notification_that_fails_is_an_error_and_stops_the_instance_all_the_same() -> None:
    world = watched(trouble=RuntimeError("no topic"))
    world.watch(90)

    with pytest.raises(RuntimeError, match="no topic"):
        world.watch(5)

    assert world.stopped == [(95, 0)]


def test_a_notification_that_fails_is_sent_by_the_next_run() -> None:
    world = watched(trouble=RuntimeError("no topic"), settings={"HARD_STOP": "false"})
    world.watch(90)
    with pytest.raises(RuntimeError):
        world.watch(5)
    world.trouble = None
    world.watch(10)

    assert [minute for minute, _, _ in world.notices] == [100]


def test_an_event_that_comes_twice_or_late_does_nothing() -> None:
    world = watched(settings={"HARD_STOP": "false"})
    world.watch(95)
    world.memory = replace(world.memory, notified_at=None) if world.memory else None
    assert world.look() == "Nothing to do: a run has looked at 2027-01-15T09:35:00+00:00 already."
    world.minute -= 5
    assert world.look().startswith("Nothing to do:")

    assert len(world.notices) == 1


def test_of_two_runs_at_once_one_acts() -> None:
    world = watched()
    world.watch(90)
    other = world.memory
    assert other is not None

    def writes() -> Fleet:
        world.memory = replace(other, looked_at=other.looked_at + timedelta(seconds=1))
        return world.state

    world.fleet = writes  # type: ignore[method-assign]
    assert world.watch(5) == "Nothing to do: another run has written"
    assert (world.notices, world.stopped) == ([], [])
