"""Changes of a template with a bill before and after that is worked out by hand: the planner's is within 2 percent.

Nothing of the planner is used for a bill by hand. Its prices are those of prices.toml, written out here, and what a
request uses is counted from docs/architecture.md. The traffic is one request a minute for a day, brought to 30 days;
each is processed for ten seconds, so that one instance is always enough.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from async_endpoint.operations.diff.bill import BillChange, compare_bills
from tests.planner.stages import Resources, endpoint, function, step, target, tracking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOURS = 720  # of a month of 30 days
# USD an hour in us-east-1.
G4DN, G4DN_12, G5, M5 = 0.7364, 4.89, 1.4084, 0.23
# USD for one.
PUT, GET, SQS, SNS = 5 / 1e6, 0.4 / 1e6, 0.4 / 1e6, 0.5 / 1e6
LAMBDA, GB_SECOND, WRITE, READ = 0.2 / 1e6, 0.0000166667, 0.625 / 1e6, 0.125 / 1e6
ALARM, METRIC = 0.10, 0.30  # a month
REQUESTS = 1_440 * 30
# Document and result are put once and got once.
DIRECT = REQUESTS * (2 * PUT + 2 * GET)
# Upload, copy and result are put, and SageMaker gets the copy. Two messages, each sent alone and received and deleted
# with nine others. Three functions for ten documents, 0.64 s each. Three writes, into the table and its index.
WORKFLOW = REQUESTS * (3 * PUT + GET + 2.4 * SQS + 0.3 * LAMBDA + 6 * WRITE + READ)
BUSY_SECONDS = REQUESTS * 0.3 * 0.64


class ByHand(NamedTuple):
    """A bill by hand, in USD a month."""

    instances: float
    others: float


class Case(NamedTuple):
    """A change of a template, and both bills."""

    name: str
    base: Resources
    head: Resources
    before: ByHand
    after: ByHand


def of_type(instance_type: str, instances: int = 1) -> Resources:
    made = endpoint(instances=instances)
    made["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = instance_type
    return made


def scaled(least: int, most: int, *parts: Resources, **given: Any) -> Resources:
    made = endpoint() | target(least, most, **given)
    for part in parts:
        made |= part
    return made


def scheduled(first: int, last: int, instances: int) -> Resources:
    """A fleet that runs from hour to hour, and only then."""
    hours = ((first, instances), (last, 0))
    return scaled(
        0,
        instances,
        schedules=[
            {
                "ScheduledActionName": f"at-{hour}",
                "Schedule": f"cron(0 {hour} * * ? *)",
                "ScalableTargetAction": {"MinCapacity": count, "MaxCapacity": count},
            }
            for hour, count in hours
        ],
    )


def alarm(name: str, *metrics: tuple[str, str]) -> Resources:
    """An alarm on one metric, or on an expression of several."""
    if len(metrics) == 1:
        properties: dict[str, Any] = {"Namespace": metrics[0][0], "MetricName": metrics[0][1]}
    else:
        stats = [{"Metric": {"Namespace": space, "MetricName": metric}, "Stat": "Sum"} for space, metric in metrics]
        properties = {"Metrics": [{"Id": "e", "Expression": "m0"}, *({"MetricStat": stat} for stat in stats)]}
    return {name: {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}


def rule(rate: str, targets: int = 1) -> Resources:
    properties = {"ScheduleExpression": f"rate({rate})", "Targets": [{"Arn": "a"}] * targets}
    return {"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}


def workflow(memory: int) -> Resources:
    made = function(JOBS_TABLE="jobs")
    made["Function"]["Properties"]["MemorySize"] = memory
    return endpoint() | made


def notified() -> Resources:
    made = endpoint()
    made["Config"]["Properties"]["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"] = {"SuccessTopic": "a"}
    return made


AWS_METRIC, OWN, OWN_TOO = ("AWS/SageMaker", "Invocations"), ("Mine", "Documents"), ("Mine", "Pages")
GATE = {"Gate": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}}
WAKES = step("Wake", "HasBacklogWithoutCapacity", 1)


def direct(instances: float, others: float = 0.0) -> ByHand:
    return ByHand(instances, DIRECT + others)


def through_workflow(gigabyte_seconds: float, scheduled_invocations: int = 0) -> ByHand:
    return ByHand(HOURS * G4DN, WORKFLOW + gigabyte_seconds * GB_SECOND + scheduled_invocations * LAMBDA)


FIXED = direct(HOURS * G4DN)

CASES = (
    Case("a larger GPU", endpoint(), of_type("ml.g5.xlarge"), FIXED, direct(HOURS * G5)),
    Case("four GPUs", endpoint(), of_type("ml.g4dn.12xlarge"), FIXED, direct(HOURS * G4DN_12)),
    Case("no GPU", endpoint(), of_type("ml.m5.xlarge"), FIXED, direct(HOURS * M5)),
    Case("a second instance", endpoint(), endpoint(instances=2), FIXED, direct(2 * HOURS * G4DN)),
    Case("two instances fewer", endpoint(instances=3), endpoint(), direct(3 * HOURS * G4DN), FIXED),
    Case(
        "another type and number", of_type("ml.m5.xlarge", 4), of_type("ml.g5.xlarge", 2),
        direct(4 * HOURS * M5), direct(2 * HOURS * G5),
    ),
    Case("a higher floor", scaled(1, 2), scaled(2, 2), FIXED, direct(2 * HOURS * G4DN)),
    Case("a higher ceiling that nothing reaches", scaled(1, 4), scaled(1, 8), FIXED, FIXED),
    Case("scaling taken away", scaled(3, 3), endpoint(), direct(3 * HOURS * G4DN), FIXED),
    Case(
        "two instances from 8 to 18 instead of one always", endpoint(), scheduled(8, 18, 2),
        FIXED, direct(30 * 10 * 2 * G4DN),
    ),
    Case(
        "four hours a day instead of ten", scheduled(8, 18, 1), scheduled(9, 13, 1),
        direct(30 * 10 * G4DN), direct(30 * 4 * G4DN),
    ),
    Case(
        "hours that begin at midnight, where the day of the traffic begins", scheduled(8, 18, 1), scheduled(0, 12, 1),
        direct(30 * 10 * G4DN), direct(30 * 12 * G4DN),
    ),
    Case(
        "hours across midnight", scheduled(8, 18, 1), scheduled(20, 4, 2),
        direct(30 * 10 * G4DN), direct(30 * 8 * 2 * G4DN),
    ),
    # A wake in the first minutes of the day, and nothing that puts the instance to sleep.
    Case(
        "an instance that wakes and stays", scheduled(6, 18, 1), scaled(0, 1, WAKES),
        direct(30 * 12 * G4DN), direct(HOURS * G4DN, ALARM),
    ),
    Case(
        "two alarms", endpoint(), endpoint() | alarm("A", AWS_METRIC) | alarm("B", AWS_METRIC),
        FIXED, direct(HOURS * G4DN, 2 * ALARM),
    ),
    Case(
        "an alarm on four metrics", endpoint() | alarm("A", AWS_METRIC), endpoint() | alarm("A", *[AWS_METRIC] * 4),
        direct(HOURS * G4DN, ALARM), direct(HOURS * G4DN, 4 * ALARM),
    ),
    Case(
        "two metrics of one's own, one of them in two alarms", endpoint(),
        endpoint() | alarm("A", OWN, OWN_TOO) | alarm("B", OWN), FIXED, direct(HOURS * G4DN, 3 * ALARM + 2 * METRIC),
    ),
    Case(
        "target tracking, which has two alarms", scaled(1, 1), scaled(1, 1, tracking()),
        FIXED, direct(HOURS * G4DN, 2 * ALARM),
    ),
    Case("notifications", endpoint(), notified(), FIXED, direct(HOURS * G4DN, REQUESTS * SNS)),
    Case("the workflow", endpoint(), workflow(256), FIXED, through_workflow(BUSY_SECONDS / 4)),
    Case(
        "four times the memory", workflow(256), workflow(1024),
        through_workflow(BUSY_SECONDS / 4), through_workflow(BUSY_SECONDS),
    ),
    Case(
        "a schedule every minute", workflow(1024) | rule("5 minutes"), workflow(1024) | rule("1 minute"),
        through_workflow(BUSY_SECONDS + 8_640 * 0.64, 8_640), through_workflow(BUSY_SECONDS + 43_200 * 0.64, 43_200),
    ),
    Case(
        "a second function every hour", workflow(1024) | rule("1 hour"), workflow(1024) | rule("1 hour", targets=2),
        through_workflow(BUSY_SECONDS + 720 * 0.64, 720), through_workflow(BUSY_SECONDS + 1_440 * 0.64, 1_440),
    ),
    Case("more requests at a time", endpoint(1), endpoint(4), FIXED, FIXED),
    Case("what has no price", endpoint(), endpoint() | GATE, FIXED, FIXED),
)  # fmt: skip


@pytest.fixture
def bills(tmp_path: Path) -> Callable[[Case], BillChange]:
    """Compares both sides of a case."""
    (tmp_path / "arrivals.csv").write_text("".join(f"{minute * 60}\n" for minute in range(1_440)), encoding="utf-8")
    plan = 'arrivals = "arrivals.csv"\nservice_seconds = 10\nstart_seconds = 240\nprice_region = "us-east-1"\n'
    (tmp_path / "dev.toml").write_text(f"[plan]\n{plan}", encoding="utf-8")

    def compared(case: Case) -> BillChange:
        for name, resources in (("base", case.base), ("head", case.head)):
            (tmp_path / name).mkdir()
            path = tmp_path / name / "Stage.template.json"
            path.write_text(json.dumps({"Resources": resources}), encoding="utf-8")
        found = compare_bills(tmp_path / "base", tmp_path / "head", tmp_path / "dev.toml", tmp_path, date(2026, 12, 1))
        assert isinstance(found, BillChange), found
        return found

    return compared


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_bill_is_that_by_hand(case: Case, bills: Callable[[Case], BillChange]) -> None:
    found = bills(case)
    for side, by_hand in ((found.before, case.before), (found.after, case.after)):
        assert side is not None
        assert side.bill.instances is not None
        assert side.bill.total == pytest.approx(sum(by_hand), rel=0.02)
        # A small line does not hide behind the instances.
        assert side.bill.instances == pytest.approx(by_hand.instances, rel=0.02)
        assert side.bill.total - side.bill.instances == pytest.approx(by_hand.others, rel=0.02)


def test_there_are_twenty_changes() -> None:
    assert len({case.name for case in CASES}) >= 20
