"""Finds out when instances have run without work for too long, and acts on it.

Nothing here reads CloudWatch: a late or missing metric is the very reason why an idle instance keeps running.

Each run compares its observations with those of the last run. Idle time counts from the last run that saw work or
another reason for the instances, so it never covers time that was not observed: after the first run, and after a gap
between two runs, the count restarts. A change in progress stops the count for as long as one may take; if the endpoint
cannot be changed, the watchdog only notifies. All times are on one clock, that of the event. The times in the jobs
table and in DescribeEndpoint are only compared with earlier ones of the same kind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from watchdog.ports import ConcurrentRun, Fleet, Memory, StopRejected, Work
from watchdog.texts import minutes, notification, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from watchdog.ports import Endpoint, Memories, Topic, Traces
    from watchdog.settings import Settings

# Three runs of the schedule: nobody observed a longer gap, so it counts as work.
LONGEST_GAP = timedelta(minutes=15)
IN_SERVICE = "InService"
# EndpointStatus while an operation runs; the other states stay until somebody acts:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
IN_TRANSITION = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})


class Watchdog:
    """Looks once in each run; notifies once for each idle period, and stops the instances if the settings allow it.

    Args:
        endpoint: The watched endpoint.
        traces: The traces of work.
        memories: The observations of earlier runs.
        topic: Receives the notification.
        settings: The settings of the function.
    """

    def __init__(
        self, *, endpoint: Endpoint, traces: Traces, memories: Memories, topic: Topic, settings: Settings
    ) -> None:
        self._endpoint = endpoint
        self._traces = traces
        self._memories = memories
        self._topic = topic
        self._settings = settings

    def run(self, now: datetime) -> str:
        """Looks once, and acts if it is time; returns sentences for the log.

        Args:
            now: The time of the scheduled event. A late event only makes the idle time shorter.

        Raises:
            Exception: Any error of the ports. If the notification fails, the instances are stopped all the same.
        """
        before = self._memories.get()
        if before and now <= before.looked_at:
            return f"Nothing to do: a run has looked at {before.looked_at.isoformat()} already."
        fleet, seen, memory = self._look(before, now)
        try:
            self._memories.put(memory, after=before)
        except ConcurrentRun as other:
            return f"Nothing to do: {other}"
        idle = now - memory.busy_at
        if seen:
            return f"{seen} The idle time is 0."
        if idle <= timedelta(minutes=self._settings.idle_minutes):
            return f"{running(fleet.instances)}, and for {minutes(idle)} no work was seen."
        return self._act(fleet, memory, idle)

    def _look(self, before: Memory | None, now: datetime) -> tuple[Fleet, str | None, Memory]:
        """Returns the fleet, the reason why it may run (None: no reason), and the memory for the next run."""
        fleet, work = self._endpoint.fleet(), Work()
        seen = _not_watched(before, now) or reason_to_run(fleet, before, self._settings, now)
        # While the endpoint sleeps, which is most of the time, the table and the queues are not read.
        if seen is None or before is None:
            work = self._traces.work()
            seen = seen or sign_of_work(work, before)
        memory = Memory(
            looked_at=now,
            busy_at=now if seen or before is None else before.busy_at,
            notified_at=None if seen or before is None else before.notified_at,
            instances=fleet.instances,
            changed_at=fleet.changed_at,
            transition_since=_transition_since(fleet, before, now),
            outcomes=_newest(before.outcomes if before else {}, work.outcomes),
        )
        return fleet, seen, memory

    def _act(self, fleet: Fleet, memory: Memory, idle: timedelta) -> str:
        reason_to_leave = why_not_stopped(fleet, self._settings)
        done = [f"{running(fleet.instances)}, and for {minutes(idle)} no work was seen."]
        try:
            if memory.notified_at is None:
                self._topic.publish(*notification(fleet, idle, reason_to_leave, self._settings))
                notified = replace(memory, notified_at=memory.looked_at)
                self._memories.put(notified, after=memory)
                memory = notified
                done.append("The alarm topic is notified.")
        finally:
            # The instances cost money, whether or not the notification succeeded.
            done.append(reason_to_leave or self._stop(memory))
        return " ".join(done)

    def _stop(self, memory: Memory) -> str:
        """Looks again, as late as possible, and stops the instances; returns a sentence for the log."""
        fleet, work = self._endpoint.fleet(), self._traces.work()
        seen = reason_to_run(fleet, memory, self._settings, memory.looked_at) or sign_of_work(work, memory)
        if seen:
            # The memory stays as it is: the next run sees this too, or its outcome.
            return f"They are not stopped, because a second look found: {seen}"
        reason_to_leave = why_not_stopped(fleet, self._settings)
        if reason_to_leave or fleet.minimum is None:
            return reason_to_leave or ""
        try:
            self._endpoint.stop(fleet.minimum)
        except StopRejected as error:
            return f"They could not be stopped, and the next run tries again: {error}"
        return f"The instance count is set to {fleet.minimum}."


def reason_to_run(fleet: Fleet, before: Memory | None, settings: Settings, now: datetime) -> str | None:
    """Returns why the instances may run even without work, in a sentence; None if there is no reason."""
    if fleet.status is None:
        return f"There is no endpoint {settings.endpoint_name}."
    since = _transition_since(fleet, before, now)
    if since and now - since <= timedelta(seconds=settings.transition_seconds):
        return f"The endpoint is {fleet.status}."
    allowed = settings.unscaled_instances if fleet.minimum is None else fleet.minimum
    if fleet.instances <= allowed:
        return f"{running(fleet.instances)}, and {allowed} may run without work."
    completed = before is not None and before.transition_since is not None and fleet.status == IN_SERVICE
    if before and (completed or fleet.changed_at != before.changed_at or fleet.instances > before.instances):
        return "The endpoint was changed since the last look."
    return None


def sign_of_work(work: Work, before: Memory | None) -> str | None:
    """Returns the evidence of work now or since the last look, in a sentence, or None."""
    if work.messages:
        return f"{work.messages} message{' is' if work.messages == 1 else 's are'} in the queues."
    if work.open_job is not None:
        return f"The job {work.open_job} has no outcome yet."
    known = before.outcomes if before else {}
    for state, newest in work.outcomes.items():
        if newest > known.get(state, ""):
            return f"A job was {state} at {newest}."
    return None


def why_not_stopped(fleet: Fleet, settings: Settings) -> str | None:
    """Returns why idle instances keep running, in a sentence; None if they are stopped."""
    if fleet.status != IN_SERVICE:
        return (
            f"They are not stopped: the endpoint is {fleet.status}, and the watchdog changes the instance count only "
            f"of an endpoint that is {IN_SERVICE}."
        )
    if not settings.hard_stop:
        return "They are not stopped: scaling.hard_stop is off."
    if fleet.minimum is None:
        return "They are not stopped: the variant has no scalable target, so the number to keep is unknown."
    if fleet.suspended:
        return "They are not stopped: scaling in is suspended at the scalable target."
    return None


def _not_watched(before: Memory | None, now: datetime) -> str | None:
    if before is None:
        return "This is the first look."
    if now - before.looked_at > LONGEST_GAP:
        return f"The last look was {minutes(now - before.looked_at)} ago."
    return None


def _transition_since(fleet: Fleet, before: Memory | None, now: datetime) -> datetime | None:
    """Returns since when every look has found an operation in progress, or None."""
    if fleet.status not in IN_TRANSITION:
        return None
    if before is None or _not_watched(before, now):
        return now
    return before.transition_since or now


def _newest(known: Mapping[str, str], seen: Mapping[str, str]) -> dict[str, str]:
    """Returns the later time of each state, so that an older outcome never looks new when newer ones have expired."""
    return {state: max(known.get(state, ""), seen.get(state, "")) for state in {**known, **seen}}
