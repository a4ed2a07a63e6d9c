"""What a recording settles of the rows of docs/evidence.md that are open, or bears out of the others."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median

from tests.conformance.recording import Recording, Series
from tests.conformance.replay import disagreements, replay

MINUTE = 60


def findings(recording: Recording) -> list[tuple[str, str]]:
    """Return the key of each row that the recording says something about, and what it says."""
    return [(row, told) for row, find in FINDERS.items() for told in find(recording)]


def _delays(recording: Recording) -> Iterator[str]:
    """How long after its minute's end each metric was shown; what was shown at once and all together is one look."""
    for series in recording.metrics:
        late = [point.seen - point.at - MINUTE for point in series.points if point.seen is not None and point.at >= 0]
        if late:
            yield (
                f"{series.name}: {len(late)} minutes, shown {min(late):.0f} to {max(late):.0f} s after their end, "
                f"half of them within {median(late):.0f} s"
            )


def _per_instance_at_zero(recording: Recording) -> Iterator[str]:
    waiting = {point.at for point in _series(recording, "HasBacklogWithoutCapacity").points if point.highest > 0}
    valued = {point.at for point in _series(recording, "ApproximateBacklogSizePerInstance").points}
    if waiting:
        yield f"a value in {len(waiting & valued)} of {len(waiting)} minutes in which requests waited without capacity"


def _backlog_at_zero(recording: Recording) -> Iterator[str]:
    asleep = _minutes_asleep(recording)
    told = {point.at for point in _series(recording, "ApproximateBacklogSize").points}
    if asleep:
        yield f"a value in {len(asleep & told)} of {len(asleep)} whole minutes without instances"


def _use_at_zero(recording: Recording) -> Iterator[str]:
    asleep = _minutes_asleep(recording)
    used = {point.at for point in _series(recording, "CPUUtilization").points}
    if asleep:
        yield f"a value in {len(asleep & used)} of {len(asleep)} whole minutes without instances"


def _idle_counts(recording: Recording) -> Iterator[str]:
    points = _series(recording, "InvocationsProcessed").points
    zero = [point for point in points if point.highest == 0]
    if points:
        yield f"{len(points) - len(zero)} minutes with requests that ended, {len(zero)} with a datapoint of 0"


def _failure_counts(recording: Recording) -> Iterator[str]:
    for name in ("InvocationFailures", "ExpiredRequests", "NotificationFailures", "Invocation5XXErrors"):
        points = _series(recording, name).points
        yield f"{name}: {sum(point.highest == 0 for point in points)} of {len(points)} datapoints are 0"


def _starts(recording: Recording) -> Iterator[str]:
    """Whether requests show as started before the minute in which one ends."""
    started = {point.at for point in _series(recording, "RequestDownloadLatency").points}
    ended = {point.at for point in _series(recording, "InvocationsProcessed").points if point.highest > 0}
    if started:
        yield f"{len(started - ended)} of {len(started)} minutes with a start had no end"


def _lingering(recording: Recording) -> Iterator[str]:
    for name in dict.fromkeys(name for _, name, _ in recording.alarm_states):
        changes = [(at, state) for at, alarm, state in recording.alarm_states if alarm == name]
        for (began, state), (ended, _) in pairwise(changes):
            if state == "ALARM":
                yield f"{name}: in ALARM for {ended - began:.0f} s, from {began:.0f} s on"


def _activities(recording: Recording) -> Iterator[str]:
    for each in recording.activities:
        took = "has not ended" if each["end"] is None else f"took {each['end'] - each['start']:.0f} s"
        yield f"{each['description']} {each['status']}, {took}"


def _start_up(recording: Recording) -> Iterator[str]:
    for at, count in recording.desired:
        there = [later for later, running in recording.running if later >= at and running >= count]
        if count and there:
            yield f"from the wish for {count:.0f} to their service in {there[0] - at:.0f} s"


def _replayed(recording: Recording) -> Iterator[str]:
    told = disagreements(recording, replay(recording))
    yield "; ".join(told) or "the autoscaler decides the same at the same minutes"


def _series(recording: Recording, name: str) -> Series:
    found = [series for series in recording.metrics if series.name == name]
    return found[0] if found else Series("", name, {}, [])


def _minutes_asleep(recording: Recording) -> set[float]:
    """The whole minutes in which no instance was wanted."""
    changes = [(0.0, float(recording.instances_at_start)), *((at, count) for at, count in recording.desired)]
    ends = [*(at for at, _ in changes[1:]), recording.seconds]
    return {
        float(minute)
        for (began, count), ended in zip(changes, ends, strict=True)
        if not count
        for minute in range(0, int(recording.seconds), MINUTE)
        if began <= minute - MINUTE and minute + MINUTE <= ended  # one more, for the instances that were ending
    }


FINDERS: dict[str, Callable[[Recording], Iterator[str]]] = {
    "metrics.delay": _delays,
    "metrics.per-instance-at-zero": _per_instance_at_zero,
    "metrics.backlog-at-zero": _backlog_at_zero,
    "metrics.use-at-zero": _use_at_zero,
    "metrics.idle-counts": _idle_counts,
    "metrics.failure-counts": _failure_counts,
    "metrics.started": _starts,
    "alarms.late-recovery": _lingering,
    "scaling.activity-duration": _activities,
    "scaling.start-up": _start_up,
    "scaling.replay": _replayed,
}
