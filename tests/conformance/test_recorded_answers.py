"""Answers of AWS that others recorded, beside ours: the same members, the same words, the same metrics."""

import json
import re
from pathlib import Path
from typing import Any

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch import MetricKey, MetricStore
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.instance_metrics import InstanceMetrics
from tests.autoscaling.fleet import PER_INSTANCE, RESOURCE, START, Fleet

ANSWERS = Path(__file__).parent / "answers"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
QUEUE, VARIANT = {"EndpointName": "reader"}, {"EndpointName": "reader", "VariantName": "main"}


def answer(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def fits(pattern: str, text: str) -> bool:
    """Whether a text is one of those that a recorded one, with {resource} and {uuid} in it, stands for."""
    wanted = re.escape(pattern).replace(r"\{resource\}", re.escape(RESOURCE)).replace(r"\{uuid\}", UUID)
    return re.fullmatch(wanted, text) is not None


def test_a_scaling_activity_has_the_words_and_times_of_awss() -> None:
    recorded = answer("scaling-activity")
    fleet = Fleet(count=1, most=recorded["count"], busy_for=recorded["seconds"])
    fleet.tracking_policy(recorded["policy"], target=5)
    fleet.minutes(*[5.0 * recorded["count"]] * 12, key=PER_INSTANCE)
    (activity,) = fleet.scaler.activities()
    alarm = activity["Cause"].removeprefix("monitor alarm ").partition(" in state")[0]
    words = {"count": recorded["count"], "alarm": alarm, "policy": recorded["policy"]}
    assert fits(recorded["alarm"], alarm)
    assert activity["Description"] == recorded["description"].format(**words)
    assert activity["Cause"] == recorded["cause"].format(**words)
    assert activity["StatusMessage"] == recorded["message"].format(**words)
    assert activity["StatusCode"] == recorded["status"]
    assert set(activity) == set(recorded["members"])
    # The end is seen at the next look, here one each minute.
    assert 0 <= activity["EndTime"] - activity["StartTime"] - recorded["seconds"] < 60


def test_policies_are_described_with_the_members_and_alarms_of_awss_response() -> None:
    recorded = answer("scaling-policies")
    fleet = Fleet()
    key = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", "CPUUtilization", VARIANT)
    tracking = {name: value for name, value in recorded["tracking"].items() if name != "CustomizedMetricSpecification"}
    fleet.step_policy()
    fleet.tracking_policy(key=key, **tracking | {"TargetValue": recorded["tracking"]["TargetValue"]})
    step, track = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert step["StepScalingPolicyConfiguration"] == recorded["step"]
    described = track["TargetTrackingScalingPolicyConfiguration"]
    assert {name: described[name] for name in tracking} == tracking
    assert {each["Name"] for each in described["CustomizedMetricSpecification"]["Dimensions"]} == {
        *recorded["dimensions"]
    }
    for policy, own in ((step, "StepScalingPolicyConfiguration"), (track, "TargetTrackingScalingPolicyConfiguration")):
        assert set(policy) == {*recorded["members"], own}
    names = [alarm["AlarmName"] for alarm in track["Alarms"]]
    assert len(names) == len(recorded["alarms"])
    assert all(map(fits, recorded["alarms"], names))


def published(requests: int) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Name and dimensions of every metric of an endpoint with one instance that has done so many requests."""
    store, clock = MetricStore(), ManualClock(START)
    metrics = EndpointMetrics("reader", "main", store, clock)
    metrics.sample(waiting=0, in_flight=0, instances=1, oldest_age=0.0)
    instances = InstanceMetrics("reader", "main", store, clock)
    instances._put("CPUUtilization", 3, START)
    instances._put("MemoryUtilization", 9, START)
    for name in answer("published-metrics")["variant"] * requests:
        metrics.count(name)
    return {(key.name, key.dimensions) for key in store.all_keys()}


def test_a_busy_endpoint_has_exactly_the_metrics_that_were_found_on_aws() -> None:
    recorded = answer("published-metrics")
    queue = {(name, frozenset(QUEUE.items())) for name in recorded["queue"]}
    variant = {(name, frozenset(VARIANT.items())) for name in (*recorded["variant"], *recorded["instances"])}
    assert published(5) == queue | variant


def test_an_idle_endpoint_counts_nothing_not_even_to_zero() -> None:
    recorded = answer("published-metrics")
    names = {name for name, _ in published(0)}
    assert not names & {*recorded["absent_while_idle"], *recorded["never"]}
    assert {*recorded["queue"]} <= names
