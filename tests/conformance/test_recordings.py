"""What others saw on AWS, played to the autoscaler: it decides the same at the same minutes."""

import dataclasses
import json
from pathlib import Path

import pytest

from async_endpoint.cloudwatch import EvaluationRules
from tests.conformance.recording import LOCAL_AWS, Point, Recording, RecordingError, Series
from tests.conformance.replay import disagreements, replay

RECORDINGS = Path(__file__).parent / "recordings"
# No range of datapoints agrees with all of it: it has a test of its own.
LINGERING = RECORDINGS / "an-alarm-lingers.json"


def load(name: str) -> Recording:
    return Recording.load(RECORDINGS / name)


@pytest.mark.parametrize("path", sorted({*RECORDINGS.glob("*.json")} - {LINGERING}), ids=lambda path: path.stem)
def test_the_autoscaler_decides_as_aws_did(path: Path) -> None:
    recording = Recording.load(path)
    assert disagreements(recording, replay(recording)) == []


@pytest.mark.parametrize(("late", "woken"), [(0.0, 120), (60.0, 180)])
def test_each_minute_that_the_metric_is_late_is_a_minute_more_asleep(late: float, woken: int) -> None:
    recording = load("wake-in-120-seconds.json")
    outcome = replay(recording, late)
    assert [(at, count) for at, count in outcome.changes if at <= recording.seconds] == [(woken, 1)]


@pytest.mark.parametrize(("delay", "fits"), [(0, False), (30, True), (120, True), (150, False)])
def test_a_cold_run_fits_metrics_that_are_up_to_two_minutes_late_and_no_punctual_ones(
    delay: float, *, fits: bool
) -> None:
    """The queue's minutes shown that long after their end.

    The second whole minute after the request ended at 180 s, and the wish for an instance came at 257 s: 77 s, of which
    waiting for the next evaluation takes 60 at most.
    """
    recording = load("a-cold-run.json")
    changes = replay(recording, late=delay - 75).changes
    wished = [at for at, count in changes if count]
    assert (wished != [] and abs(wished[0] - recording.desired[0][0]) <= recording.tolerance_seconds) == fits


@pytest.mark.parametrize(("extra", "agree"), [(2, 0), (4, 3), (5, 1)])
def test_an_alarm_of_one_minute_was_seen_to_read_five_datapoints(extra: int, agree: int) -> None:
    """Four beside its one, by the first three of its four changes; with two it would never have gone off.

    The guide's only number is five for three, of five-minute periods. The fourth change came five minutes later than a
    range that fits the others lets it.
    """
    recording = Recording.load(LINGERING)
    states = replay(recording, rules=EvaluationRules(extra_datapoints=extra)).states_of("errors")
    recorded = [(at, state) for at, _, state in recording.alarm_states]
    alike = [
        state == told and abs(at - then) <= recording.tolerance_seconds
        for (at, state), (then, told) in zip(states, recorded, strict=False)
    ]
    assert sum(alike) == agree


@pytest.mark.parametrize("waiting", [1.0, 3.0])
def test_target_tracking_leaves_a_backlog_below_its_target_asleep_under_either_reading(waiting: float) -> None:
    """Of ApproximateBacklogSizePerInstance at zero instances: missing, as recorded, or the whole backlog."""
    recording = load("target-tracking-does-not-wake.json")
    (total,) = [series for series in recording.metrics if series.name == "ApproximateBacklogSize"]
    points = [Point(point.at, point.seen, 1, waiting, waiting, waiting) for point in total.points]
    recording.metrics.append(Series("AWS/SageMaker", "ApproximateBacklogSizePerInstance", total.dimensions, points))
    assert replay(recording).changes == []


def test_a_request_within_the_hour_keeps_the_instance() -> None:
    recording = load("sleep-after-sixty-minutes.json")
    (series,) = recording.metrics
    late = 30
    series.points[late] = Point(late * 60, late * 60 + 120, 1, 1, 1, 1)
    assert replay(recording).changes == []


def test_a_replay_with_other_decisions_is_reported() -> None:
    recording = dataclasses.replace(load("wake-in-120-seconds.json"), tolerance_seconds=30.0)
    outcome = replay(recording, late=60.0)
    assert disagreements(recording, outcome) == ["the wanted count became 1 at 120 s and does at 180 s in the replay"]
    outcome.changes.append((190.0, 2))
    assert disagreements(recording, outcome)[0].startswith("the wanted count was [(120, 1)] and is [(180.0, 1), (190")
    recording.alarm_states.append([120, "has-backlog", "OK"])
    assert len(disagreements(recording, outcome)) == 2


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_evidence_is_of_aws_and_says_where_it_is_from(path: Path) -> None:
    recording = Recording.load(path)
    assert recording.recorded_from != LOCAL_AWS
    assert recording.sources
    assert recording.notes


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    for path in RECORDINGS.glob("*.json"):
        Recording.load(path).save(tmp_path / path.name)
        assert (tmp_path / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        ("format", 2, "not of format 1"),
        ("certainty", "sure", "must be one of"),
        ("sources", [], "no source"),
        ("sources", [""], "no source"),
        ("alarm_states", [[60, "has-backlog", "FINE"]], "a state is one of"),
        ("alarm_states", [[60, "another", "OK"]], "changed that it does not have"),
        ("initial_states", {"another": "OK"}, "begins with the state"),
        ("policies", [], "acts by a policy"),
        ("surprise", 1, "surprise"),
        ("metrics", [{"namespace": "N", "name": "M", "dimensions": {}, "points": [[61, 120, 1]]}], "off its minute"),
        ("metrics", [{"namespace": "N", "name": "M", "dimensions": {}, "points": [[60, 120]]}], "A point is"),
        ("metrics", [{"namespace": "N", "name": "M", "dimensions": {}, "points": [[60, 120, None]]}], "A point is"),
        ("metrics", [{"namespace": "N", "name": "M", "points": []}], "dimensions"),
    ],
)
def test_an_invalid_recording_is_rejected(tmp_path: Path, member: str, value: object, complaint: str) -> None:
    found = json.loads((RECORDINGS / "wake-in-120-seconds.json").read_text(encoding="utf-8"))
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({**found, member: value}), encoding="utf-8")
    with pytest.raises(RecordingError, match=complaint):
        Recording.load(path)
