"""What holds whatever the metrics do."""

from hypothesis import given
from hypothesis import strategies as st

from tests.autoscaling.fleet import LOAD, OTHER, Fleet

loads = st.one_of(st.none(), st.integers(0, 40).map(float))
minutes = st.lists(st.tuples(loads, loads), min_size=1, max_size=50)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"]))
    adjustment = draw(st.integers(0 if kind == "ExactCapacity" else -200, 200))
    return {
        "AdjustmentType": kind,
        "Cooldown": draw(st.sampled_from([0, 60, 300])),
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}],
    }


def stepping(fleet: Fleet, name: str, configuration: dict[str, object]) -> str:
    return fleet.step_policy(name, None, **configuration)


def play(fleet: Fleet, story: list[tuple[float | None, float | None]]) -> list[int]:
    counts = [fleet.endpoint.count]
    for load, other in story:
        if other is not None:
            fleet.metrics.put(OTHER, other, fleet.clock.now())
        fleet.minutes(load)
        counts.append(fleet.endpoint.count)
    return counts


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    least, most = sorted(draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
    fleet = Fleet(draw(st.integers(0, 9)), least, most, busy_for=draw(st.sampled_from([0, 90, 400])))
    fleet.alarm("one", LOAD, stepping(fleet, "first", draw(steps())))
    fleet.alarm("two", OTHER, stepping(fleet, "second", draw(steps())), Threshold=15)
    fleet.tracking_policy("third", draw(st.floats(0.5, 20)), LOAD, ScaleInCooldown=0, ScaleOutCooldown=60)
    return fleet


@given(fleet=fleets(), story=minutes)
def test_the_count_never_leaves_its_bounds(fleet: Fleet, story: list[tuple[float | None, float | None]]) -> None:
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert all(target["MinCapacity"] <= count <= target["MaxCapacity"] for count in play(fleet, story))


@given(start=st.integers(0, 9), most=st.integers(0, 9), target=st.floats(0.5, 20), story=minutes)
def test_disabled_scale_in_never_shrinks(
    start: int, most: int, target: float, story: list[tuple[float | None, float | None]]
) -> None:
    fleet = Fleet(count=min(start, most), most=most)
    fleet.endpoint.count = start  # set by hand, perhaps above the maximum: even then nothing may be taken away
    fleet.tracking_policy("one", target=target, key=LOAD, DisableScaleIn=True)
    fleet.tracking_policy("two", target=target, key=OTHER, DisableScaleIn=True)
    story = [*story, *[(0.0, 0.0)] * 20]
    counts = play(fleet, story)
    assert counts == sorted(counts)


@given(story=minutes, pauses=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_how_often_it_is_ticked_makes_no_difference(
    story: list[tuple[float | None, float | None]], pauses: list[int]
) -> None:
    outcomes = []
    for ticks in ([1], pauses):
        fleet = Fleet(count=1, most=9)
        fleet.tracking_policy("track", key=LOAD, ScaleInCooldown=60)
        fleet.alarm("busy", OTHER, fleet.step_policy(Cooldown=120), EvaluationPeriods=2, Threshold=20)
        # Samples of a minute fall on its first second; every schedule has seen them all before it may use them.
        passed = 0
        for index, (load, other) in enumerate(story):
            for key, value in ((LOAD, load), (OTHER, other)):
                if value is not None:
                    fleet.metrics.put(key, value, fleet.clock.now() - passed + index * 60)
        end, turn = len(story) * 60, 0
        while passed < end:
            pause = min(ticks[turn % len(ticks)], end - passed)
            fleet.clock.advance(pause)
            passed += pause
            turn += 1
            fleet.scaler.tick()
        states = [
            (alarm["AlarmName"], alarm["StateValue"], alarm["StateUpdatedTimestamp"]) for alarm in fleet.scaler.alarms()
        ]
        outcomes.append((fleet.endpoint.count, fleet.scaler.activities(), states))
    assert outcomes[0] == outcomes[1]
