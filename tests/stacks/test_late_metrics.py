"""Both presets wake, work and sleep whatever CloudWatch sees late, out of step, or never.

The sweep is every combination of the lists below; the suite runs an even share of them, and all with
ASYNC_ENDPOINT_SWEEP=full.
"""

import copy
import dataclasses
import itertools
import json
import math
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from async_endpoint.cloudwatch import EvaluationRules, MetricAlarm, MetricStore, State, evaluate
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from tests.autoscaling.fleet import START
from tests.stacks.late_metrics import (
    BACKLOG,
    CPU,
    IDLE_CPU,
    MINUTE,
    OF_VARIANT,
    PROCESSED,
    TICK,
    Case,
    Pattern,
    Reading,
    Started,
    simulate,
)
from tests.stacks.late_promises import findings
from tests.stacks.scaled_fleet import resolved
from tests.stacks.templates import TemplateWith

PATTERNS: tuple[Pattern, ...] = (
    "burst", "long", "every-7-minutes", "again-when-asleep", "200-at-once", "more-while-waking", "just-before-sleep",
)  # fmt: skip
PRESETS = ("responsive", "aws")
DELAYS = (0, 60, 120, 180, 240)
# How far queue, variant and instance metrics are apart.
OFFSETS = ((0, 0, 0), (120, 0, 0), (-120, 0, 0), (0, 120, 0), (0, -120, 0), (0, 0, 120), (0, 0, -120), (120, 0, -120),
           (-120, 0, 120))  # fmt: skip
# Seconds of jitter, share of datapoints that never arrive.
UNSTEADY = ((0, 0.0), (45, 0.0), (0, 0.03), (45, 0.03))
RULES = tuple(
    EvaluationRules(fill, scalar, extra, recovery)
    for fill in ("missing", "value")
    for scalar in ("missing", "zero")
    for extra in (2, 4, 10)
    for recovery in (0, 3, 6)
)
BACKLOGS: tuple[Reading, ...] = ("in-flight", "queued")
STARTED: tuple[Started, ...] = ("at-start", "at-end", "never")
SHARE = 120


@pytest.fixture(scope="module")
def templates(endpoint_with: TemplateWith) -> dict[str, Template]:
    return {name: endpoint_with(scaling__max_instances=4, scaling__preset=name) for name in PRESETS}


def cases() -> list[tuple[str, Case]]:
    every = itertools.product(PRESETS, PATTERNS, DELAYS, OFFSETS, UNSTEADY, BACKLOGS)
    draw = random.Random(14)  # noqa: S311 - no secret
    made = [
        (
            preset,
            Case(
                pattern,
                delay,
                *offsets,
                *unsteady,
                backlog,
                draw.choice(RULES),
                draw.choice(STARTED),
                seed=draw.randrange(2**32),
            ),
        )
        for preset, pattern, delay, offsets, unsteady, backlog in every
    ]
    if os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full":
        return made
    draw.shuffle(made)
    return made[:SHARE]


def test_both_presets_keep_their_promises_however_late_metrics_are(templates: dict[str, Template]) -> None:
    swept = cases()
    broken = [
        f"{preset} {case}: {'; '.join(found)}"
        for preset, case in swept
        if (found := findings(simulate(case, templates[preset])))
    ]
    assert not broken, "\n".join([f"{len(broken)} of {len(swept)} cases:", *broken[:20]])


def test_a_wake_by_submission_keeps_the_same_promises(templates: dict[str, Template]) -> None:
    swept = [(preset, dataclasses.replace(case, woken_by_submission=True)) for preset, case in cases()]
    broken = [
        f"{preset} {case}: {'; '.join(found)}"
        for preset, case in swept
        if (found := findings(simulate(case, templates[preset])))
    ]
    assert not broken, "\n".join([f"{len(broken)} of {len(swept)} cases:", *broken[:20]])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_wake_by_submission_that_does_not_hold_the_alarm_starts_instances_twice(
    templates: dict[str, Template], preset: str
) -> None:
    held = Case("again-when-asleep", delay=60, woken_by_submission=True)
    course = simulate(held, templates[preset])
    assert [count for _, count in course.changes] == [1, 0, 1, 0]
    assert course.changes[0][0] - course.arrivals[0] <= TICK

    course = simulate(dataclasses.replace(held, holds_alarm=False), templates[preset])
    assert [count for _, count in course.changes][:2] == [1, 2]


def idle_alarm(template: Template) -> MetricAlarm:
    (found,) = (
        each["Properties"]
        for name, each in template.find_resources("AWS::CloudWatch::Alarm").items()
        if name.startswith("AlarmsIdleInstances")
    )
    properties = resolved(found, {})
    for query in properties["Metrics"]:
        for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
            dimension["Value"] = OF_VARIANT[dimension["Name"]]
    return alarm_from_settings({**properties, "AlarmName": "idle", "AlarmActions": []})


def alarm_minutes(alarm: MetricAlarm, case: Case, *, awake: range, work: set[int], minutes: int) -> list[int]:
    """The minutes in which the alarm is in ALARM, of an instance that runs in some and works in some of them."""
    store, found = MetricStore(delivery=case.delivery), []
    state: State = "INSUFFICIENT_DATA"
    for minute in range(minutes):
        at = START + MINUTE * minute
        store.put(BACKLOG, 0, at)
        if minute in awake:
            store.put(CPU, IDLE_CPU, at)
        if minute in work:
            store.put(PROCESSED, 1, at)
        state = evaluate(alarm, store, at + MINUTE, state, case.rules).state
        if state == "ALARM":
            found.append(minute + 1)
    return found


@pytest.mark.parametrize("extra", [0, 2, 10])
@pytest.mark.parametrize(("delay", "gaps"), [(0, 0.0), (60, 0.03), (150, 0.03), (240, 0.03)])
def test_the_alarm_on_idle_instances_is_late_at_most_by_the_delay_and_two_periods(
    templates: dict[str, Template], delay: int, gaps: float, extra: int
) -> None:
    case = Case("burst", delay, jitter=45 if delay else 0, gaps=gaps, rules=EvaluationRules(extra_datapoints=extra))
    alarm = idle_alarm(templates["responsive"])
    rung = alarm_minutes(alarm, case, awake=range(200), work={0, 1}, minutes=160)
    assert 90 <= rung[0] <= 90 + 12 + math.ceil(case.worst / MINUTE)
    assert not alarm_minutes(alarm, case, awake=range(20), work={0}, minutes=160)
    assert not alarm_minutes(alarm, case, awake=range(400), work=set(range(0, 400, 17)), minutes=400)


LATE = Case("burst", delay=120)


def changed(template: Template, change: Callable[[dict[str, Any]], None]) -> Template:
    """A template with a change in its resources."""
    made = copy.deepcopy(dict(template.to_json()))
    change(made["Resources"])
    return Template.from_string(json.dumps(made))


def of_scaling(resources: dict[str, Any], prefix: str, kind: str) -> dict[str, Any]:
    """The properties of the one alarm or policy whose logical id begins so."""
    (found,) = (
        each for name, each in resources.items() if name.startswith(f"Scaling{prefix}") and each["Type"].endswith(kind)
    )
    return dict(found["Properties"])


def with_filled_metrics(resources: dict[str, Any]) -> None:
    """As the first version of the sleep alarm had it."""
    (query,) = (each for each in of_scaling(resources, "SleepAlarm", "Alarm")["Metrics"] if "Expression" in each)
    query["Expression"] = (
        "IF(FILL(backlog, 0) == 0 AND FILL(processed, 0) == 0 AND FILL(failed, 0) == 0 AND FILL(cpu, 1000) < 80, 1, 0)"
    )


def with_one_datapoint_to_wake(resources: dict[str, Any]) -> None:
    (name,) = (name for name in resources if name.startswith("ScalingWakeAlarm"))
    resources[name]["Properties"]["EvaluationPeriods"] = 1


def with_late_minutes_as_work(resources: dict[str, Any]) -> None:
    (name,) = (name for name in resources if name.startswith("ScalingSleepAlarm"))
    resources[name]["Properties"]["TreatMissingData"] = "notBreaching"


@pytest.mark.parametrize(
    ("change", "case", "promise"),
    [
        (with_filled_metrics, LATE, "slept after never"),
        (with_one_datapoint_to_wake, dataclasses.replace(LATE, delay=240), "woke after never"),
        (with_late_minutes_as_work, dataclasses.replace(LATE, delay=240), "slept after never"),
    ],
)
def test_the_sweep_finds_alarms_that_rest_on_an_arrival(
    templates: dict[str, Template], change: Callable[[dict[str, Any]], None], case: Case, promise: str
) -> None:
    assert not findings(simulate(case, templates["responsive"]))
    assert promise in "; ".join(findings(simulate(case, changed(templates["responsive"], change))))
