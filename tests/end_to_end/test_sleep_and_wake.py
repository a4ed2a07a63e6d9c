"""The deployed preset, by itself: it ends instances that have no work, and wakes as many as the backlog wants."""

from typing import Any

import boto3

from tests.end_to_end.conftest import Stage, wait_for


def activities() -> list[dict[str, Any]]:
    client = boto3.client("application-autoscaling")
    return [
        dict(each) for each in client.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    ]


def test_it_sleeps_by_its_alarm_and_wakes_two_for_a_backlog_of_eight(
    stage: Stage, receipts: list[tuple[bytes, dict[str, str]]]
) -> None:
    def asleep() -> bool | None:
        described = stage.deployment.describe()
        variant = described["ProductionVariants"][0]
        return (described["EndpointStatus"], variant["CurrentInstanceCount"]) == ("InService", 0) or None

    invoked = stage.invoke(stage.put(receipts[6][0], "before.png"), ContentType="image/png")
    assert stage.outcome(invoked)[0] == "output"
    wait_for(asleep, "sleep")
    slept = next(each for each in activities() if "SleepAlarm" in each["Cause"])
    assert slept["Description"] == "Setting desired instance count to 0."

    cloudwatch = boto3.client("cloudwatch")
    names = [
        each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"] if "WakeAlarm" in each["AlarmName"]
    ]
    cloudwatch.disable_alarm_actions(AlarmNames=names)  # or a minute may end in the middle of the burst
    locations = [stage.put(receipts[at][0], f"burst-{at}.png") for at in range(8)]
    burst = [stage.invoke(location, ContentType="image/png") for location in locations]
    cloudwatch.enable_alarm_actions(AlarmNames=names)
    assert {stage.outcome(each)[0] for each in burst} == {"output"}
    woke = next(each for each in activities() if "WakeAlarm" in each["Cause"])
    assert woke["Description"] == "Setting desired instance count to 2."
