"""A stage in virtual time: what its templates ask for happens, at the seconds that the rules give."""

import random
from array import array
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from async_endpoint.cloudwatch import DelayRange
from async_endpoint.planner import Durations, PlanError, Stage, Traffic, simulate
from async_endpoint.planner.simulation import Simulation
from tests.planner.stages import (
    OF_QUEUE,
    arriving,
    conditions,
    documented,
    endpoint,
    function,
    stage,
    step,
    target,
    tracking,
)

HOUR = 3_600
WAKES = {"WAKE_ON_SUBMIT": "true", "BACKLOG_PER_INSTANCE": "5", "WAKE_COOLDOWN_SECONDS": "900"}


def sleeping() -> dict[str, Any]:
    """Wakes like the documentation, and sleeps after ten idle minutes by a step policy."""
    idle: dict[str, Any] = {
        "ComparisonOperator": "LessThanThreshold",
        "EvaluationPeriods": 10,
        "Statistic": "Maximum",
    }
    sleep = step("Sleep", "ApproximateBacklogSize", 0, kind="ExactCapacity", **idle)
    return documented() | sleep


def test_ten_thousand_requests_on_four_instances_go_the_way_that_paper_says() -> None:
    """As tests/autoscaling/test_recipe.py derives it from the documentation's rules, with a queue of real requests."""
    outcome = simulate(stage(documented()), arriving(*[600.0] * 10_000, seconds=3 * HOUR), conditions(1))
    assert outcome.changes == ((720, 1), (1_140, 4), (4_680, 0))
    assert max(outcome.waits) + 600 + 1 == 3_775
    assert outcome.longest_wake == 960 - 600
    assert (outcome.wakes, outcome.processed, outcome.expired, outcome.unfinished) == (1, 10_000, 0, 0)
    # One instance from 720, three more from 1,140, all until 4,680.
    assert outcome.instance_seconds == (4_680 - 720) + 3 * (4_680 - 1_140)
    assert outcome.asleep_seconds == 720 + (3 * HOUR - 4_680)


def test_the_scale_out_waits_for_late_metrics() -> None:
    late = conditions(1, metric_delay=DelayRange(180, 180))
    outcome = simulate(stage(documented()), arriving(*[600.0] * 10_000, seconds=3 * HOUR), late)
    # The minute of 600 is the one datapoint among the alarm's newest four at 840, and is old enough to decide alone.
    # That of 1,080, when the first instance serves, is the one among the five newest of target tracking at 1,320.
    assert outcome.changes[:2] == ((840, 1), (1_320, 4))


def test_a_submission_wakes_as_many_instances_as_wait_and_holds_the_alarm() -> None:
    woken = stage(documented(), function(**WAKES))
    outcome = simulate(woken, arriving(*[610.0] * 12, seconds=2 * HOUR), conditions(30))
    assert outcome.changes[0] == (611, 3)
    assert outcome.longest_wake == 241


@pytest.mark.parametrize(("second", "woken_at"), [(910, 1_080), (930, 931)])
def test_a_request_just_after_the_endpoint_went_to_sleep_is_left_to_the_alarm(second: int, woken_at: int) -> None:
    """The function that found it awake at 893 does not look again for thirty seconds."""
    woken = stage(sleeping(), function(**WAKES))
    # Between two samples of the queue, so that the endpoint sleeps at 900 all the same.
    outcome = simulate(woken, arriving(0.0, 892.0, float(second), seconds=2 * HOUR), conditions(5))
    assert outcome.changes[:3] == ((1, 1), (900, 0), (woken_at, 1))


def test_idle_instances_are_stopped_by_the_watchdog_alone() -> None:
    wakes_only = (endpoint(), target(), step("Wake", "HasBacklogWithoutCapacity", 1))
    watched = stage(*wakes_only, function(HARD_STOP="true", IDLE_MINUTES="30"))
    traffic = arriving(600.0, seconds=4 * HOUR)
    assert simulate(stage(*wakes_only), traffic, conditions(10)).changes == ((660, 1),)
    # It worked until 910, which the look at 1,200 sees; at 3,000 that is thirty minutes ago, at 3,300 more.
    assert simulate(watched, traffic, conditions(10)).changes == ((660, 1), (3_300, 0))
    notifies = replace(watched, watchdog=replace(watched.watchdog, stops=False))  # type: ignore[type-var]
    assert simulate(notifies, traffic, conditions(10)).changes == ((660, 1),)


def test_a_warm_window_starts_and_ends_while_nothing_arrives() -> None:
    def action(name: str, hour: int, least: int) -> dict[str, Any]:
        bounds = {"MinCapacity": least, "MaxCapacity": 4}
        schedule = f"cron(30 {hour} ? * MON-FRI *)"
        return {"ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": bounds}

    warm = stage(sleeping(), target(schedules=[action("start", 8, 2), action("end", 18, 0)]))
    for skips in (True, False):
        outcome = Simulation(warm, arriving(seconds=2 * 24 * HOUR), conditions(1), skips=skips).run()
        on, off = 8.5 * HOUR, 18.5 * HOUR
        assert outcome.changes == ((on, 2), (off, 0), (24 * HOUR + on, 2), (24 * HOUR + off, 0))
        assert outcome.wakes == 2


def test_requests_expire_after_their_ttl_but_not_while_they_wait_for_admission() -> None:
    never_wakes = stage(endpoint(), target(), step("Wake", "NoSuchMetric", 1))
    traffic = arriving(0.0, 100.0, seconds=12 * HOUR)
    outcome = simulate(never_wakes, traffic, conditions(1))
    assert (outcome.expired, outcome.unfinished, outcome.unknown_metrics) == (2, 0, ("NoSuchMetric",))
    admitted = simulate(stage(endpoint(), target(), function(ADMISSION="true")), traffic, conditions(1))
    assert (admitted.expired, admitted.unfinished) == (0, 2)


def test_a_metric_is_published_with_every_set_of_dimensions_that_alarms_read() -> None:
    of_variant = [*OF_QUEUE, {"Name": "VariantName", "Value": "AllTraffic"}]
    both = [step(name, "InvocationsProcessed", 1, Dimensions=of) for name, of in (("A", OF_QUEUE), ("B", of_variant))]
    outcome = simulate(stage(endpoint(), target(), *both), arriving(0.0, seconds=HOUR), conditions(1))
    assert outcome.unknown_metrics == ()


def test_an_endpoint_without_scaling_has_its_initial_instances() -> None:
    outcome = simulate(stage(endpoint(instances=2)), arriving(*[0.0] * 3, seconds=HOUR), conditions(10))
    assert list(outcome.waits) == [0, 0, 10]
    assert (outcome.instance_hours, outcome.asleep_seconds, outcome.changes) == (2, 0, ())


def test_requests_that_outlive_their_instance_are_counted() -> None:
    in_a_minute = step("In", "ApproximateBacklogSize", -1, EvaluationPeriods=2, cooldown=0)
    outcome = simulate(
        stage(endpoint(), target(least=0), step("Wake", "HasBacklogWithoutCapacity", 1), in_a_minute),
        arriving(0.0, seconds=2 * HOUR),
        conditions(1_000),
    )
    assert outcome.cut_off == 1


def test_the_number_of_requests_at_a_time_must_be_known() -> None:
    unset = stage(endpoint(concurrency=None))
    with pytest.raises(PlanError, match="endpoint reader leaves it to SageMaker how many requests"):
        simulate(unset, arriving(0.0), conditions(1))
    assert simulate(unset, arriving(0.0), conditions(1, concurrency=1)).processed == 1


def test_a_policy_that_aws_rejects_is_a_sentence() -> None:
    wrong = stage(endpoint(), target(), tracking(value=-1))
    with pytest.raises(PlanError, match="scaling of endpoint reader cannot be simulated: TargetValue must be greater"):
        simulate(wrong, arriving(0.0), conditions(1))


def random_traffic(seed: int, hours: int) -> Traffic:
    source = random.Random(seed)  # noqa: S311 - a simulation
    clusters = [source.uniform(0, hours * HOUR * 0.9) for _ in range(source.randint(1, 6))]
    moments = [at + source.expovariate(1 / 90) for at in clusters for _ in range(source.randint(1, 60))]
    return arriving(*sorted(moments), seconds=hours * HOUR)


def sleepy(*, wakes: bool, least: int = 0) -> Stage:
    return stage(sleeping(), target(least), function(**WAKES) if wakes else {})


@pytest.mark.parametrize(("wakes", "least"), [(False, 0), (True, 0), (False, 1)])
@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_skipped_rest_and_remembered_datapoints_change_nothing(wakes: bool, least: int, seed: int) -> None:  # noqa: FBT001
    outcomes = []
    for exact in (False, True):
        random_times = Durations.parse("p10=1,p50=5,p99=200")
        given_ = replace(
            conditions(1, seed=seed, metric_delay=DelayRange(60, 150), metric_gaps=0.01),
            service=random_times,
            start=Durations.parse("p0=150,p100=400"),
        )
        stage_ = sleepy(wakes=wakes, least=least)
        simulation = Simulation(stage_, random_traffic(seed, 24), given_, skips=not exact)
        if exact:
            assert simulation._scaling is not None
            for alarm in simulation._scaling.alarms:
                simulation._scaling.scaler.put_alarm(alarm)  # reads its whole window at each minute
        outcomes.append(simulation.run())
    assert outcomes[0] == outcomes[1]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), concurrency=st.integers(1, 4))
def test_no_request_is_lost_and_none_overtakes_another(seed: int, concurrency: int) -> None:
    traffic = random_traffic(seed, 12)
    outcome = simulate(sleepy(wakes=bool(seed % 2)), traffic, conditions(7, seed=seed, concurrency=concurrency))
    assert outcome.processed + outcome.expired + outcome.unfinished == len(traffic.arrivals)
    began = array("d", (at + wait for at, wait in zip(traffic.arrivals, outcome.waits, strict=False)))
    assert min(outcome.waits) >= 0
    assert list(began) == sorted(began)
    assert list(outcome.services) == [7] * outcome.processed
