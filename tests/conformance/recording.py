"""A recording: what one endpoint's metrics, alarms, instances and scaling did, by AWS or by whoever watched AWS.

One JSON file. All times are in seconds since its start, which is a full minute. A metric's points are one-minute
statistics, `[at, seen, SampleCount, Sum, Minimum, Maximum]`, or `[at, seen, value]` where all that is known is one
value; `at` is when the minute began, `seen` when CloudWatch first showed it, null where it never did. `tests/aws`
writes such files, `replay.py` plays them to the autoscaler.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

FORMAT = 1
LOCAL_AWS = "the local AWS"
CERTAINTIES = ("documented", "recorded", "reported", "open")
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
_SHORT, _LONG = 3, 6


class RecordingError(ValueError):
    """A file is no recording; the message says where and why."""


@dataclass(frozen=True)
class Point:
    """The statistics of one minute that began at `at` and was shown from `seen` on, None for never."""

    at: float
    seen: float | None
    count: float
    total: float
    lowest: float
    highest: float

    @classmethod
    def read(cls, numbers: list[float | None]) -> Self:
        if len(numbers) not in {_SHORT, _LONG} or any(each is None for each in numbers[:1] + numbers[2:]):
            raise RecordingError(f"A point is [at, seen, value] or [at, seen, n, sum, min, max], not {numbers}.")
        at, seen, *values = numbers
        known = [float(value) for value in values if value is not None]
        count, total, lowest, highest = known if len(known) > 1 else [1.0, *known * 3]
        return cls(float(at or 0), None if seen is None else float(seen), count, total, lowest, highest)

    def write(self) -> list[float | None]:
        return [self.at, self.seen, self.count, self.total, self.lowest, self.highest]


@dataclass(frozen=True)
class Series:
    """A metric's points, in the order of their minutes."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    points: list[Point]


@dataclass(frozen=True)
class Recording:
    """Everything a file says; see the module for the units.

    `policies` are PutScalingPolicy's members without those of the target, `alarms` PutMetricAlarm's, whose AlarmActions
    name policies by their PolicyName. `initial_states` are the alarms' states at the start, when points of earlier
    minutes had been shown. `desired` is each change of the wanted instance count, `running` of those in service,
    `alarm_states` of an alarm's state, `endpoint` of EndpointStatus; `activities` are DescribeScalingActivities'
    members. `tolerance_seconds` is how far a replay may be off: when within a minute CloudWatch evaluates an alarm is
    not published.
    """

    title: str
    recorded_from: str
    certainty: str
    sources: list[str]
    notes: str
    seconds: float
    bounds: list[int]
    instances_at_start: int
    policies: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    initial_states: dict[str, str] = field(default_factory=dict)
    metrics: list[Series] = field(default_factory=list)
    desired: list[list[float]] = field(default_factory=list)
    running: list[list[float]] = field(default_factory=list)
    alarm_states: list[list[Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    endpoint: list[list[Any]] = field(default_factory=list)
    tolerance_seconds: float = 60.0
    started_at: float = 0.0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            RecordingError: it is none.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.pop("format", None) != FORMAT:
                raise RecordingError(f"it is not of format {FORMAT}")
            series = [
                Series(each["namespace"], each["name"], each["dimensions"], [Point.read(row) for row in each["points"]])
                for each in found.pop("metrics", [])
            ]
            recording = cls(metrics=series, **found)
            recording.check()
        except (TypeError, KeyError, ValueError) as error:
            raise RecordingError(f"{path.name} is no recording: {error}") from error
        return recording

    def save(self, path: Path) -> None:
        """Write the file; points stay on a line each, so that a change of one is a change of one line."""
        self.check()
        plain = {"format": FORMAT, **asdict(self)}
        for series, each in zip(self.metrics, plain["metrics"], strict=True):
            each["points"] = [f"@{json.dumps(point.write())}@" for point in series.points]
        text = json.dumps(plain, indent=1, ensure_ascii=True)
        path.write_text(text.replace('"@', "").replace('@"', "") + "\n", encoding="utf-8")

    def check(self) -> None:
        """Hold the values to the form.

        Raises:
            RecordingError: one is out of it.
        """
        names = {alarm["AlarmName"] for alarm in self.alarms}
        policies = {policy["PolicyName"] for policy in self.policies}
        wrong = [
            (self.certainty not in CERTAINTIES, f"how sure it is must be one of {', '.join(CERTAINTIES)}"),
            (not self.sources or not all(self.sources), "it has no source"),
            ({*self.initial_states} - names, "it begins with the state of an alarm that it does not have"),
            ({state for *_, state in self.alarm_states} - {*STATES}, f"a state is one of {', '.join(STATES)}"),
            ({name for _, name, _ in self.alarm_states} - names, "an alarm changed that it does not have"),
            ({act for alarm in self.alarms for act in alarm.get("AlarmActions", ())} - policies,
             "an alarm acts by a policy that it does not have"),
            (any(point.at % 60 for series in self.metrics for point in series.points), "a point is off its minute"),
        ]  # fmt: skip
        for is_wrong, why in wrong:
            if is_wrong:
                raise RecordingError(f"{self.title}: {why}.")
