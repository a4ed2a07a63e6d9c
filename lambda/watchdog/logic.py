"""When instances have run without work for too long, and what is done about it.

Nothing here reads CloudWatch: a metric that is late or missing is what keeps an idle instance running.

A run compares what it sees with what the run before it saw. Idle time is counted from the last run that saw work or
another reason for the instances, so it is never longer than somebody has watched: after the first run, and after a gap
between two runs, the count begins anew. A change that is under way holds the count for as long as one may take; of
instances of an endpoint that cannot be changed it only notifies. All of it is on one clock, that of the event's time.
The times in the jobs table and in DescribeEndpoint are only compared with earlier ones of the same kind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from watchdog.ports import Fleet, LookedMeanwhile, Memory, StopRefused, Work
from watchdog.texts import minutes, notification, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from watchdog.ports import Endpoint, Memories, Topic, Traces
    from watchdog.settings import Settings

# Three runs of the schedule: what went on in a longer gap was not seen, so it counts as work.
LONGEST_GAP = timedelta(minutes=15)
IN_SERVICE = "InService"
# EndpointStatus while an operation runs; the others stay until somebody acts:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
IN_TRANSITION = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})


class Watchdog:
    """Looks once a run; notifies once for each spell without work, and stops the instances if it may.

    Args:
        endpoint: What is watched.
        traces: Where work shows.
        memories: What earlier runs saw.
        topic: Who is notified.
        settings: The function's.
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
        """Look once, and act if it is time; returns what was seen and done, in sentences.

        Args:
            now: The time of the scheduled event. A late one only makes the idle time shorter.

        Raises:
            Exception: Whatever the ports raise. If the notification fails, the instances are stopped all the same.
        """
        before = self._memories.get()
        if before and now <= before.looked_at:
            return f"Nothing to do: a run has looked at {before.looked_at.isoformat()} already."
        fleet, seen, memory = self._look(before, now)
        try:
            self._memories.put(memory, after=before)
        except LookedMeanwhile as other:
            return f"Nothing to do: {other}"
        idle = now - memory.busy_at
        if seen:
            return f"{seen} The idle time is 0."
        if idle <= timedelta(minutes=self._settings.idle_minutes):
            return f"{running(fleet.instances)}, and for {minutes(idle)} no work was seen."
        return self._act(fleet, memory, idle)

    def _look(self, before: Memory | None, now: datetime) -> tuple[Fleet, str | None, Memory]:
        """What runs, why it may (None: no reason), and what to leave for the next run."""
        fleet, work = self._endpoint.fleet(), Work()
        seen = _not_watched(before, now) or reason_to_run(fleet, before, self._settings, now)
        # While it sleeps, which is most of the time, the table and the queues are not read.
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
        refusal = why_not_stopped(fleet, self._settings)
        said = [f"{running(fleet.instances)}, and for {minutes(idle)} no work was seen."]
        trouble: Exception | None = None
        if memory.notified_at is None:
            try:
                self._topic.publish(*notification(fleet, idle, refusal, self._settings))
                said.append("The alarm topic is notified.")
                marked = replace(memory, notified_at=memory.looked_at)
                self._memories.put(marked, after=memory)
                memory = marked
            except Exception as error:  # noqa: BLE001 - the instances cost money, whether or not anybody is told
                trouble = error
        said.append(refusal or self._stop(memory))
        if trouble:
            raise trouble
        return " ".join(said)

    def _stop(self, memory: Memory) -> str:
        """Look again, as late as possible, and stop the instances; returns what came of it."""
        fleet, work = self._endpoint.fleet(), self._traces.work()
        seen = reason_to_run(fleet, memory, self._settings, memory.looked_at) or sign_of_work(work, memory)
        if seen:
            # The memory stays as it is: whatever this was, the next run sees it too, or its outcome.
            return f"They are not stopped, because a second look found: {seen}"
        refusal = why_not_stopped(fleet, self._settings)
        if refusal or fleet.minimum is None:
            return refusal or ""
        try:
            self._endpoint.stop(fleet.minimum)
        except StopRefused as refused:
            return f"They could not be stopped, and the next run tries again: {refused}"
        return f"The instance count is set to {fleet.minimum}."


def reason_to_run(fleet: Fleet, before: Memory | None, settings: Settings, now: datetime) -> str | None:
    """Why the instances may run whether or not there is work, in a sentence; None if there is no reason."""
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
    """What shows that there is or was work since the last look, in a sentence; None if nothing does."""
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
    """Why idle instances are left alone, in a sentence; None if they are stopped."""
    if fleet.status != IN_SERVICE:
        return (
            f"They are not stopped: the endpoint is {fleet.status}, and the watchdog changes the instance count only "
            f"of an endpoint that is {IN_SERVICE}."
        )
    if not settings.hard_stop:
        return "They are not stopped: scaling.hard_stop is off."
    if fleet.minimum is None:
        return "They are not stopped: the variant has no scalable target, so how many are to stay is unknown."
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
    """Since when every look has found an operation under way; None if none is."""
    if fleet.status not in IN_TRANSITION:
        return None
    if before is None or _not_watched(before, now):
        return now
    return before.transition_since or now


def _newest(known: Mapping[str, str], seen: Mapping[str, str]) -> dict[str, str]:
    """The later time of each state: one that a job's expiry took out of the table must not look new when it returns."""
    return {state: max(known.get(state, ""), seen.get(state, "")) for state in {**known, **seen}}
