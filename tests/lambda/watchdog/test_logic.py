"""When the watchdog notifies and stops, run after run."""

from dataclasses import replace

import pytest

from tests.support.watchdog_world import ASLEEP, AWAKE, IDLE, watched
from watchdog.ports import Fleet, Work


def test_an_instance_without_work_is_stopped_and_notified_of_once() -> None:
    world = watched()

    assert world.watch(90) == "1 instance runs, and for 90 minutes no work was seen."
    assert (world.notices, world.stopped) == ([], [])
    assert world.watch(5) == (
        "1 instance runs, and for 95 minutes no work was seen. The alarm topic is notified. "
        "The instance count is set to 0."
    )
    assert world.stopped == [(95, 0)]
    world.watch(300)
    assert [(minute, subject) for minute, subject, _ in world.notices] == [
        (95, "receipts: 1 instance runs without work")
    ]
    assert world.stopped == [(95, 0)]


def test_a_second_spell_is_notified_of_again() -> None:
    world = watched()
    world.watch(95)
    world.change(instances=2)
    world.watch(100)

    assert [subject for _, subject, _ in world.notices] == [
        "receipts: 1 instance runs without work",
        "receipts: 2 instances run without work",
    ]
    assert world.stopped == [(95, 0), (195, 0)]


def test_without_the_hard_stop_one_notification_and_nothing_else() -> None:
    world = watched(settings={"HARD_STOP": "false"})

    said = world.watch(400)

    assert said.endswith("They are not stopped: scaling.hard_stop is off.")
    assert world.stopped == []
    ((minute, _, message),) = world.notices
    assert minute == 95
    assert "They are not stopped: scaling.hard_stop is off." in message


def test_a_request_of_14_minutes_in_progress_is_not_idle() -> None:
    """It came by the inbox, just before the instance had been idle for too long: its job is open until it ends."""
    world = watched()
    world.watch(90)
    world.traces = replace(IDLE, open_job="a" * 64)
    world.watch(15)
    world.traces = Work(outcomes={"COMPLETED": "2027-01-15T09:44:00.000Z"})
    world.watch(90)

    assert (world.notices, world.stopped) == ([], [])


def test_a_clients_own_request_shows_by_its_outcome_alone() -> None:
    """Woken by it, the instance works on it for 14 minutes, of which nothing shows before the end."""
    world = watched(state=ASLEEP)
    world.watch(600)
    world.change(instances=1)
    world.watch(15)
    world.traces = Work(outcomes={**IDLE.outcomes, "FAILED": "2027-01-15T18:14:00.000Z"})
    assert world.watch(5) == "A job was FAILED at 2027-01-15T18:14:00.000Z. The idle time is 0."
    world.watch(85)

    assert (world.notices, world.stopped) == ([], [])


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        (replace(IDLE, open_job="a-job"), "The job a-job has no outcome yet."),
        (replace(IDLE, messages=1), "1 message is in the queues."),
        (replace(IDLE, messages=2), "2 messages are in the queues."),
        (Work(outcomes={"COMPLETED": "2027-01-15T09:00:00.000Z"}), "A job was COMPLETED at 2027-01-15T09:00:00.000Z."),
        (Work(outcomes={**IDLE.outcomes, "EXPIRED": "2027-01-15T06:00:00.000Z"}), "A job was EXPIRED at"),
    ],
)
def test_each_sign_of_work_begins_the_idle_time_anew(sign: Work, said: str) -> None:
    world = watched()
    world.watch(90)
    world.traces = sign
    assert world.watch(5).startswith(said)
    world.traces = Work(outcomes=sign.outcomes)
    world.watch(90)
    assert (world.notices, world.stopped) == ([], [])

    world.watch(5)
    assert world.stopped == [(190, 0)]


def test_a_job_that_the_table_has_forgotten_is_no_work() -> None:
    world = watched(settings={"HARD_STOP": "false"})
    world.watch(200)
    for left in (Work(), Work(outcomes={"COMPLETED": "2027-01-14T07:30:00.000Z"}), IDLE):
        world.traces = left
        world.watch(200)

    assert [minute for minute, _, _ in world.notices] == [95]


def test_a_warm_windows_instances_stay_and_those_beyond_are_stopped_to_its_minimum() -> None:
    world = watched(state=replace(AWAKE, minimum=1))
    world.watch(600)
    assert (world.notices, world.stopped) == ([], [])

    world.change(instances=3)
    world.watch(100)
    assert world.stopped == [(700, 1)]

    world.watch(5)
    world.state = replace(world.state, minimum=0)  # the window closes; nothing of the endpoint changes
    world.watch(90)
    assert world.stopped == [(700, 1)]
    world.watch(5)
    assert world.stopped == [(700, 1), (800, 0)]


def test_without_a_scalable_target_nothing_is_stopped() -> None:
    world = watched(state=replace(AWAKE, minimum=None))
    world.watch(200)

    assert world.stopped == []
    ((_, _, message),) = world.notices
    assert "(the variant has no scalable target)" in message
    assert "They are not stopped: the variant has no scalable target, so the number to keep is unknown." in message


def test_instances_that_run_by_the_settings_alone_are_as_they_are_to_be() -> None:
    world = watched(state=replace(AWAKE, minimum=None, instances=2), settings={"UNSCALED_INSTANCES": "2"})
    world.watch(200)

    assert (world.notices, world.stopped) == ([], [])


def test_while_scaling_in_is_suspended_nothing_is_stopped() -> None:
    world = watched(state=replace(AWAKE, suspended=True))
    said = world.watch(200)

    assert said.endswith("They are not stopped: scaling in is suspended at the scalable target.")
    assert (len(world.notices), world.stopped) == (1, [])


def test_an_absent_endpoint_is_nothing_to_do() -> None:
    world = watched(state=Fleet(status=None))

    assert world.watch(200) == "There is no endpoint receipts. The idle time is 0."
    assert (world.notices, world.stopped) == ([], [])
