"""The recorder, at an AWS that is a page of answers: what it makes of them, when, and what it leaves out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.aws.recorder import Recorder
from tests.aws.redaction import redacted
from tests.conformance.findings import FINDERS, findings
from tests.conformance.recording import Recording
from tests.conformance.replay import disagreements, replay

BEGAN = 1_800_000_000.0
ACCOUNT = "123456789012"
ARN = f"arn:aws:autoscaling:eu-west-1:{ACCOUNT}:scalingPolicy:0:resource/sagemaker/endpoint/reader/variant/main"
POLICY = {
    "PolicyName": "wake",
    "PolicyType": "StepScaling",
    "PolicyARN": f"{ARN}:policyName/wake",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    },
}


def alarm(name: str, action: str) -> dict[str, Any]:
    return {
        "AlarmName": name, "StateValue": "OK", "AlarmActions": [action], "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity", "Dimensions": [{"Name": "EndpointName", "Value": "reader"}],
        "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "missing",
    }  # fmt: skip


class Account:
    """One endpoint that wakes: a document comes after 30 s, the alarm goes off at 130, an instance serves at 400.

    It is its own clock, and each of its clients; metrics are shown 70 s after their minute.
    """

    def __init__(self) -> None:
        self.passed = 5.0
        self.failing = False

    def now(self) -> float:
        return BEGAN + self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds

    def __call__(self, _service: str) -> "Account":
        return self

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(getattr(self, operation))

    def describe_endpoint(self, **_: str) -> dict[str, Any]:
        if self.failing:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeEndpoint")
        woken, serves = self.passed >= 130, self.passed >= 400
        variant = {"DesiredInstanceCount": int(woken), "CurrentInstanceCount": int(serves)}
        return {"EndpointStatus": "Updating" if woken > serves else "InService", "ProductionVariants": [variant]}

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        return {"MetricDataResults": [self._result(each, asked["StartTime"]) for each in asked["MetricDataQueries"]]}

    def _result(self, query: dict[str, Any], start: datetime) -> dict[str, Any]:
        stat = query["MetricStat"]
        value = {"HasBacklogWithoutCapacity": 1.0, "ApproximateBacklogSize": 3.0}.get(stat["Metric"]["MetricName"])
        minutes = [minute for minute in range(-600, 360, 60) if minute + 60 + 70 <= self.passed]
        shown = [minute for minute in minutes if value is not None and BEGAN + minute >= start.timestamp()]
        return {
            "Id": query["Id"],
            "Timestamps": [datetime.fromtimestamp(BEGAN + minute, UTC) for minute in shown],
            # Nothing waited before the start; there are six samples in each minute.
            "Values": [
                6.0
                if stat["Stat"] == "SampleCount"
                else (value or 0) * (minute >= 0) * (6 if stat["Stat"] == "Sum" else 1)
                for minute in shown
            ],
        }

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        others = ARN.replace("reader", "another")
        return {
            "MetricAlarms": [
                alarm("has-backlog", f"{ARN}:policyName/wake"),
                alarm("of-another-endpoint", f"{others}:policyName/wake"),
                alarm("TargetTracking-endpoint/reader/variant/main-AlarmHigh-0", f"{ARN}:policyName/track"),
            ]
        }

    def describe_alarm_history(self, **_: Any) -> dict[str, Any]:
        told = {
            -600: "Alarm updated from INSUFFICIENT_DATA to OK",
            130: "Alarm updated from OK to ALARM",
            470: "Alarm updated from ALARM to INSUFFICIENT DATA",
            471: "Something else",
        }
        return {"AlarmHistoryItems": [item(at, summary) for at, summary in told.items() if at <= self.passed]}

    def describe_scalable_targets(self, **asked: Any) -> dict[str, Any]:
        assert asked["ResourceIds"] == ["endpoint/reader/variant/main"]
        return {"ScalableTargets": [{"MinCapacity": 0, "MaxCapacity": 2}]}

    def describe_scaling_policies(self, **_: str) -> dict[str, Any]:
        return {"ScalingPolicies": [POLICY]}

    def describe_scaling_activities(self, **_: str) -> dict[str, Any]:
        told = {"Description": "Setting desired instance count to 1.", "Cause": f"alarm {ARN} of {ACCOUNT}"}
        began = datetime.fromtimestamp(BEGAN + 130, UTC)
        ended = datetime.fromtimestamp(BEGAN + 400, UTC)
        before = datetime.fromtimestamp(BEGAN - 9000, UTC)
        return {
            "ScalingActivities": [
                {**told, "StatusCode": "Successful", "StartTime": began, "EndTime": ended, "StatusMessage": "done"},
                {**told, "StatusCode": "Successful", "StartTime": before, "EndTime": before},
            ]
        }


class Pages:
    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [self._operation(**asked)]


def item(at: float, summary: str) -> dict[str, Any]:
    return {"Timestamp": datetime.fromtimestamp(BEGAN + at, UTC), "HistorySummary": summary}


def recorded(seconds: float = 600) -> Recording:
    account = Account()
    recorder = Recorder(account, account, "reader", "main", "a test")
    while account.passed < seconds:
        recorder.look()
        account.sleep(10)
    return recorder.recording()


def test_a_minute_is_seen_when_it_is_first_shown_and_not_before() -> None:
    (backlog,) = [series for series in recorded().metrics if series.name == "ApproximateBacklogSize"]
    since = [point for point in backlog.points if point.at >= 0]
    assert [point.at for point in since] == [0, 60, 120, 180, 240, 300]
    assert all(70 <= (point.seen or 0) - point.at - 60 <= 80 for point in since)
    assert {(point.count, point.total, point.lowest, point.highest) for point in since} == {(6, 18, 3, 3)}


def test_what_alarms_had_read_before_is_there_from_the_start() -> None:
    (waiting,) = [series for series in recorded().metrics if series.name == "HasBacklogWithoutCapacity"]
    before = [point for point in waiting.points if point.at < 0]
    assert [point.seen for point in before] == [5] * 8 + [15, 75]
    assert {point.highest for point in before} == {0}


def test_instances_alarms_and_activities_are_recorded_from_the_start() -> None:
    found = recorded()
    assert (found.bounds, found.instances_at_start) == ([0, 2], 0)
    assert found.desired == [[135, 1]]
    assert found.running == [[5, 0], [405, 1]]
    assert found.endpoint == [[5, "InService"], [135, "Updating"], [405, "InService"]]
    assert [each["AlarmName"] for each in found.alarms] == ["has-backlog"]
    assert found.alarms[0]["AlarmActions"] == ["wake"]
    assert found.initial_states == {"has-backlog": "OK"}
    assert found.alarm_states == [[130, "has-backlog", "ALARM"], [470, "has-backlog", "INSUFFICIENT_DATA"]]
    assert [(each["start"], each["end"], each["message"]) for each in found.activities] == [(130, 400, "done")]


def test_nothing_in_the_file_identifies_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    recorded().save(path)
    text = path.read_text(encoding="utf-8")
    assert "reader" not in text
    assert ACCOUNT not in text
    assert "arn:" not in text
    assert redacted(["AKIAIOSFODNN7EXAMPLE", 1, None], "reader") == ["key", 1, None]


def test_what_was_recorded_is_replayed_to_the_same_decisions(tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    written = recorded(seconds=400)
    written.save(path)
    assert Recording.load(path) == written
    assert disagreements(written, replay(written)) == []


def test_a_failed_look_is_reported_and_the_next_one_continues() -> None:
    account = Account()
    recorder = Recorder(account, account, "reader", "main", "a test")
    recorder.look()
    account.failing = True
    account.sleep(300)
    recorder.look()
    account.failing = False
    found = recorder.recording()
    assert len(recorder.trouble) == 1
    assert "Rate exceeded" in found.notes
    assert found.desired == [[305, 1]]


def test_each_row_with_a_finding_is_reported() -> None:
    told = dict(findings(recorded()))
    assert set(told) <= set(FINDERS)
    assert told["metrics.per-instance-at-zero"].startswith("a value in 0 of 6 minutes")
    assert "shown 75 to 75 s after their end" in told["metrics.delay"]
    assert told["scaling.start-up"] == "from the wish for 1 to their service in 270 s"
    assert told["alarms.late-recovery"] == "has-backlog: in ALARM for 340 s, from 130 s on"
    assert told["scaling.activity-duration"] == "Setting desired instance count to 1. Successful, took 270 s"
