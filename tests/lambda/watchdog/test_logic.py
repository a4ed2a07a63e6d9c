"""When the watchdog notifies and stops, run after run, with everything around it in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.intake import WATCHDOG_ENVIRONMENT as ENVIRONMENT
from watchdog.logic import Watchdog
from watchdog.ports import Fleet, LookedMeanwhile, Memory, StopRefused, Work
from watchdog.settings import Settings, SettingsError
from watchdog.texts import minutes

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
AWAKE = Fleet(status="InService", instances=1, changed_at="2027-01-15T07:00:00.000Z", minimum=0)
ASLEEP = replace(AWAKE, instances=0)
IDLE = Work(outcomes={"COMPLETED": "2027-01-15T07:30:00.000Z"})


@dataclass
class World:
    """The endpoint, the traces of work and the topic; minutes pass when told to.

    Attributes:
        at_stop: Called when the watchdog is about to look for the second time in a run.
        trouble: Raised by the topic.
        refusal: Raised by SageMaker when it is to stop instances.
    """

    state: Fleet = AWAKE
    traces: Work = IDLE
    minute: int = 0
    looks: int = 0
    stopped: list[tuple[int, int]] = field(default_factory=list)
    notices: list[tuple[int, str, str]] = field(default_factory=list)
    memory: Memory | None = None
    before_second_look: Callable[["World"], None] = lambda _: None
    trouble: Exception | None = None
    refusal: StopRefused | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def fleet(self) -> Fleet:
        self.looks += 1
        if self.looks == 2:
            self.before_second_look(self)
        return self.state

    def work(self) -> Work:
        return self.traces

    def stop(self, instances: int) -> None:
        if self.refusal:
            raise self.refusal
        self.stopped.append((self.minute, instances))
        self.change(instances=instances)

    def change(self, **changes: Any) -> None:
        """A change of the endpoint's capacity, which its LastModifiedTime shows."""
        self.state = replace(self.state, changed_at=f"changed at {self.minute:05}", **changes)

    def get(self) -> Memory | None:
        return self.memory

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        if self.memory != after:
            raise LookedMeanwhile("another run has written")
        self.memory = memory

    def publish(self, subject: str, message: str) -> None:
        if self.trouble:
            raise self.trouble
        self.notices.append((self.minute, subject, message))

    def look(self) -> str:
        """One run of the schedule, now."""
        self.looks = 0
        watchdog = Watchdog(
            endpoint=self,
            traces=self,
            memories=self,
            topic=self,
            settings=Settings.from_environment({**ENVIRONMENT, **self.settings}),
        )
        return watchdog.run(START + timedelta(minutes=self.minute))

    def watch(self, minutes: int) -> str:
        """Let the schedule run for so long; returns what the last run said."""
        said = ""
        for _ in range(minutes // 5):
            self.minute += 5
            said = self.look()
        return said


def watched(**changes: Any) -> World:
    """A world that was looked at once, at minute 0."""
    world = World(**changes)
    world.look()
    return world


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


def test_the_notification_says_what_happened_what_is_done_and_what_to_do() -> None:
    world = watched()
    world.watch(95)

    ((_, _, message),) = world.notices
    assert message == (
        "1 instance runs for endpoint receipts (the minimum is 0). For 95 minutes the watchdog has seen no work: "
        "no job is open, none has finished, and the queues are empty. Instances cost money. The watchdog sets the "
        "instance count to 0, and tries again every few minutes until that succeeds or it sees work. Find out why "
        "scaling has not stopped them. Runbook: docs/operations.md#instances-run-without-work"
    )


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
    assert "They are not stopped: the variant has no scalable target, so how many are to stay is unknown." in message


def test_instances_that_run_by_the_settings_alone_are_as_they_are_to_be() -> None:
    world = watched(state=replace(AWAKE, minimum=None, instances=2), settings={"UNSCALED_INSTANCES": "2"})
    world.watch(200)

    assert (world.notices, world.stopped) == ([], [])


def test_while_scaling_in_is_suspended_nothing_is_stopped() -> None:
    world = watched(state=replace(AWAKE, suspended=True))
    said = world.watch(200)

    assert said.endswith("They are not stopped: scaling in is suspended at the scalable target.")
    assert (len(world.notices), world.stopped) == (1, [])


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

    refusal = (
        f"They are not stopped: the endpoint is {status}, and the watchdog changes the instance count only of an "
        "endpoint that is InService."
    )
    assert said.endswith(refusal)
    ((minute, subject, message),) = world.notices
    assert (minute, subject) == (175, "receipts: 1 instance runs without work")
    assert refusal in message
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


def test_one_minute_is_not_minutes() -> None:
    assert [minutes(timedelta(seconds=each)) for each in (59, 60, 119, 120)] == [
        "0 minutes",
        "1 minute",
        "1 minute",
        "2 minutes",
    ]


def test_an_absent_endpoint_is_nothing_to_do() -> None:
    world = watched(state=Fleet(status=None))

    assert world.watch(200) == "There is no endpoint receipts. The idle time is 0."
    assert (world.notices, world.stopped) == ([], [])


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


def test_a_stop_that_sagemaker_refuses_is_tried_again_without_another_notification() -> None:
    world = watched(refusal=StopRefused('Cannot update in-progress endpoint "arn".'))
    said = world.watch(105)

    assert said.endswith(
        'They could not be stopped, and the next run tries again: Cannot update in-progress endpoint "arn".'
    )
    world.refusal = None
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


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IDLE_MINUTES", "4", "IDLE_MINUTES is '4': it takes a whole number from 5 to 1400"),
        ("HARD_STOP", "yes", "HARD_STOP is 'yes': it takes true or false"),
        ("MEMORY_KEY", "k" * 64, "which may be the id of a job: it takes more than 64 characters"),
    ],
)
def test_a_variable_out_of_its_range_is_named_with_the_range(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environment({**ENVIRONMENT, name: value})
