"""The watchdog and an endpoint in transition or out of service."""

from dataclasses import replace

import pytest

from tests.support.watchdog_world import ASLEEP, AWAKE, IDLE, World, watched

TRANSITIONS = ["Updating", "SystemUpdating", "Creating", "RollingBack", "Deleting"]
NOT_IN_TRANSITION = ["Failed", "UpdateRollbackFailed", "OutOfService"]


@pytest.mark.parametrize("status", TRANSITIONS)
def test_an_endpoint_in_transition_is_left_to_itself(status: str) -> None:
    world = watched()
    world.watch(90)
    world.state = replace(world.state, status=status)
    assert world.watch(5) == f"The endpoint is {status}. The idle time is 0."

    assert (world.notices, world.stopped) == ([], [])


@pytest.mark.parametrize("status", TRANSITIONS)
def test_an_endpoint_stuck_in_transition_is_notified_of_once_and_not_stopped(status: str) -> None:
    """A change may take 80 minutes; the idle time of 90 counts from there."""
    world = watched(state=replace(AWAKE, status=status))
    assert world.watch(80) == f"The endpoint is {status}. The idle time is 0."
    assert world.watch(90) == "1 instance runs, and for 90 minutes no work was seen."
    assert world.notices == []
    said = world.watch(600)

    reason = (
        f"They are not stopped: the endpoint is {status}, and the watchdog changes the instance count only of an "
        "endpoint that is InService."
    )
    assert said.endswith(reason)
    ((minute, subject, message),) = world.notices
    assert (minute, subject) == (175, "receipts: 1 instance runs without work")
    assert reason in message
    assert world.stopped == []


def test_work_while_a_transition_is_stuck_begins_the_idle_time_anew() -> None:
    world = watched(state=replace(AWAKE, status="Updating"))
    world.watch(170)
    world.traces = replace(IDLE, open_job="a-job")
    world.watch(5)
    world.traces = IDLE
    world.watch(90)

    assert world.notices == []


def test_each_transition_has_its_time() -> None:
    """What is between two of them, and what was not seen, ends the first."""
    world = watched(state=replace(AWAKE, status="Updating"))
    world.watch(75)
    world.state = AWAKE
    world.watch(5)
    world.state = replace(AWAKE, status="Updating")
    assert world.watch(80) == "The endpoint is Updating. The idle time is 0."
    world.minute += 20
    world.look()
    assert world.watch(80) == "The endpoint is Updating. The idle time is 0."
    assert world.watch(5) == "1 instance runs, and for 5 minutes no work was seen."


def test_an_endpoint_that_gets_out_of_a_long_transition_is_not_stopped_at_once() -> None:
    """Even if LastModifiedTime does not move, which is not documented."""
    world = watched(state=replace(AWAKE, status="Updating"))
    world.watch(300)
    world.state = AWAKE
    assert world.watch(5) == "The endpoint was changed since the last look. The idle time is 0."
    world.watch(90)
    assert world.stopped == []
    world.watch(5)
    assert world.stopped == [(400, 0)]


@pytest.mark.parametrize("status", NOT_IN_TRANSITION)
def test_an_endpoint_that_stays_out_of_service_is_notified_of_once_and_not_stopped(status: str) -> None:
    world = watched(state=replace(AWAKE, status=status))
    said = world.watch(600)

    assert said.endswith(
        f"They are not stopped: the endpoint is {status}, and the watchdog changes the instance count only of an "
        "endpoint that is InService."
    )
    assert [(minute, subject) for minute, subject, _ in world.notices] == [
        (95, "receipts: 1 instance runs without work")
    ]
    assert world.stopped == []


def test_an_endpoint_that_fails_between_the_two_looks_of_a_run_is_not_stopped() -> None:
    world = watched()
    world.watch(90)

    def fails(world: World) -> None:
        world.state = replace(world.state, status="Failed")

    world.before_second_look = fails
    assert "They are not stopped: the endpoint is Failed" in world.watch(5)
    assert world.stopped == []


def test_a_failed_endpoint_without_instances_is_nothing_to_do() -> None:
    world = watched(state=replace(ASLEEP, status="Failed"))
    assert world.watch(200) == "0 instances run, and 0 may run without work. The idle time is 0."
    assert world.notices == []
