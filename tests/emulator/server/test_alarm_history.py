"""An alarm's past in DescribeAlarmHistory and DescribeAlarms, on AWS's clock."""

import json
import uuid
from typing import Any

import pytest

from async_endpoint.emulator.server import alarm_history
from tests.emulator.conftest import Mailbox, Running, end_of_stack, make_mailbox
from tests.emulator.fakes import ACCOUNT, REGION, eventually, model

# Nobody calls SageMaker there: the server evaluates no alarm of this region, and only a client changes a state.
QUIET_REGION = "sa-east-1"
Client = Any  # boto3 makes its clients at run time
AT = 1_800_000_000.5  # 15 January 2027, 08:00:00.5 UTC
POLICY = (
    f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:id:resource/sagemaker/endpoint/e/variant/v:policyName/wake"
)


def alarm(state: str = "OK", **changes: object) -> dict[str, Any]:
    return {"AlarmName": "wake", "StateValue": state, "StateReason": f"it is {state}", "OKActions": [], **changes}


def recorded(
    before: dict[str, Any] | None, after: dict[str, Any] | None, *, is_put: bool = False
) -> list[tuple[str, str, dict[str, Any]]]:
    errors = {"arn:gone": "Topic does not exist", "arn:nobody": ""}
    found = list(alarm_history.history_items(before, after, AT, is_put=is_put, action_error=errors.get))
    assert {item["Timestamp"] for item in found} <= {"2027-01-15T08:00:00Z"}
    return [(item["HistoryItemType"], item["HistorySummary"], json.loads(item["HistoryData"])) for item in found]


@pytest.mark.parametrize(
    ("before", "after", "change", "done"),
    [
        (None, alarm(), "Create", "created"),
        (alarm(), alarm(), "Update", "updated"),
        (alarm(), None, "Delete", "deleted"),
    ],
)
def test_settings_are_recorded_as_a_configuration_update(
    before: dict[str, Any] | None, after: dict[str, Any] | None, change: str, done: str
) -> None:
    settings = {"alarmName": "wake", "stateValue": "OK", "stateReason": "it is OK", "okactions": []}
    data = {"version": "1.0", "type": change, f"{done}Alarm": settings}
    expected = [("ConfigurationUpdate", f'Alarm "wake" {done}', data)]
    assert recorded(before, after, is_put=after is not None) == expected


def test_a_change_of_state_tells_both_states_with_their_reasons_and_each_action_with_its_outcome() -> None:
    before = alarm(StateReasonData='{"threshold":1}')
    arns = [POLICY, "arn:gone", "arn:nobody"]
    after = alarm("ALARM", StateReasonData='{"threshold":2}', AlarmActions=arns)
    update, *actions = recorded(before, after)
    assert update == (
        "StateUpdate",
        "Alarm updated from OK to ALARM",
        {
            "version": "1.0",
            "oldState": {"stateValue": "OK", "stateReason": "it is OK", "stateReasonData": {"threshold": 1}},
            "newState": {"stateValue": "ALARM", "stateReason": "it is ALARM", "stateReasonData": {"threshold": 2}},
        },
    )
    assert [(kind, summary, data["actionState"]) for kind, summary, data in actions] == [
        ("Action", f"Successfully executed action {POLICY}", "Succeeded"),
        ("Action", 'Failed to execute action arn:gone. Received error: "Topic does not exist"', "Failed"),
    ]
    assert actions[0][2]["notificationResource"] == POLICY
    assert actions[0][2]["stateUpdateTimestamp"] == 1_800_000_000_500


def test_actions_that_are_switched_off_or_of_another_state_are_not_recorded() -> None:
    for actions in ({"AlarmActions": [POLICY], "ActionsEnabled": False}, {"OKActions": [POLICY]}):
        assert [kind for kind, *_ in recorded(alarm(), alarm("ALARM", **actions))] == ["StateUpdate"]


def test_reason_data_of_an_earlier_state_is_none_of_the_new_one() -> None:
    data = {"StateReasonData": "no JSON"}
    ((_, _, update),) = recorded(alarm(**data), alarm("ALARM", **data))
    assert update["oldState"]["stateReasonData"] == "no JSON"
    assert "stateReasonData" not in update["newState"]


def test_what_changes_nothing_is_not_recorded() -> None:
    assert recorded(alarm(), alarm()) == recorded(None, None) == []


def test_a_history_forgets_after_thirty_days_and_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    days = ("2026-12-16T07:59:59Z", "2026-12-16T08:00:00Z", "2027-01-01T00:00:00Z")
    history = [{"Timestamp": day} for day in days]
    alarm_history.drop_expired(history, AT)
    assert [item["Timestamp"] for item in history] == list(days[1:])
    monkeypatch.setattr(alarm_history, "MAX_ITEMS", 1)
    alarm_history.drop_expired(history, AT)
    assert [item["Timestamp"] for item in history] == list(days[2:])


# -- on a running local AWS, whose clock runs ahead of the wall's ------------------------------------------------


@pytest.fixture(scope="module")
def cloudwatch(running: Running) -> Client:
    return running.client("cloudwatch")


@pytest.fixture
def mailbox(running: Running) -> Mailbox:
    return make_mailbox(running.client("sns"), running.client("sqs"))


def aws_now(running: Running) -> float:
    """The time on AWS's clock, by which SageMaker dates what is created."""
    sagemaker, name = running.client("sagemaker"), f"model-{uuid.uuid4().hex[:12]}"
    sagemaker.create_model(**model(name))
    created = sagemaker.describe_model(ModelName=name)["CreationTime"].timestamp()
    sagemaker.delete_model(ModelName=name)
    return float(created)


def settings(mailbox: Mailbox, **changes: Any) -> dict[str, Any]:
    name = f"alarm-{uuid.uuid4().hex[:12]}"
    return {
        "AlarmName": name,
        "Namespace": f"tests-{name}",
        "MetricName": "Errors",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [mailbox.topic],
        **changes,
    }


def history(cloudwatch: Client, name: str, **members: Any) -> list[dict[str, Any]]:
    """Oldest first."""
    pages = cloudwatch.get_paginator("describe_alarm_history")
    found = pages.paginate(AlarmName=name, ScanBy="TimestampAscending", **members)
    return [item for page in found for item in page["AlarmHistoryItems"]]


def test_the_history_of_an_alarm_that_a_client_sets_off(running: Running) -> None:
    began = aws_now(running)
    cloudwatch = running.client("cloudwatch", QUIET_REGION)
    mailbox = make_mailbox(running.client("sns", QUIET_REGION), running.client("sqs", QUIET_REGION))
    members = settings(mailbox)
    name = members["AlarmName"]
    cloudwatch.put_metric_alarm(**members)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill", StateReasonData='{"a":1}')
    (described,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    cloudwatch.delete_alarms(AlarmNames=[name])
    ended = aws_now(running)
    items = history(cloudwatch, name)
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in items] == [
        ("ConfigurationUpdate", f'Alarm "{name}" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("Action", f"Successfully executed action {mailbox.topic}"),
        ("ConfigurationUpdate", f'Alarm "{name}" deleted'),
    ]
    moments = [item["Timestamp"].timestamp() for item in items]
    moments += [described["AlarmConfigurationUpdatedTimestamp"].timestamp()]
    moments += [described["StateUpdatedTimestamp"].timestamp(), described["StateTransitionedTimestamp"].timestamp()]
    assert all(int(began) <= moment <= ended for moment in moments)
    assert json.loads(items[1]["HistoryData"])["newState"] == {
        "stateValue": "ALARM",
        "stateReason": "a drill",
        "stateReasonData": {"a": 1},
    }
    assert len(history(cloudwatch, name, HistoryItemType="Action")) == 1
    assert mailbox.take(1)


def test_a_state_that_was_evaluated_is_dated_at_its_minute(cloudwatch: Client, mailbox: Mailbox) -> None:
    members = settings(mailbox, TreatMissingData="ignore")
    cloudwatch.put_metric_alarm(**members)

    def state_update() -> dict[str, Any] | None:
        data = [{"MetricName": "Errors", "Value": 9.0}]
        cloudwatch.put_metric_data(Namespace=members["Namespace"], MetricData=data)
        found = history(cloudwatch, members["AlarmName"], HistoryItemType="StateUpdate")
        return found[-1] if found and found[-1]["HistorySummary"].endswith(" to ALARM") else None

    update = eventually(state_update, "the alarm's state", every=0.1)
    (described,) = cloudwatch.describe_alarms(AlarmNames=[members["AlarmName"]])["MetricAlarms"]
    assert update["Timestamp"] == described["StateUpdatedTimestamp"] == described["StateTransitionedTimestamp"]
    assert update["Timestamp"].timestamp() % 60 == 0
    reason = json.loads(update["HistoryData"])["newState"]
    assert reason["stateReason"] == described["StateReason"]
    assert reason["stateReasonData"]["threshold"] == 5


def test_an_alarm_of_a_template_has_its_history_too(running: Running, cloudwatch: Client, mailbox: Mailbox) -> None:
    members = settings(mailbox, TreatMissingData="ignore")
    status, _ = end_of_stack(running, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": members}})
    assert status == "CREATE_COMPLETE"
    name = members["AlarmName"]
    assert [item["HistorySummary"] for item in history(cloudwatch, name)] == [f'Alarm "{name}" created']


def test_switching_actions_is_an_update_and_a_rejected_setting_is_none(cloudwatch: Client, mailbox: Mailbox) -> None:
    members = settings(mailbox, TreatMissingData="ignore")
    name = members["AlarmName"]
    cloudwatch.put_metric_alarm(**members)
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    cloudwatch.disable_alarm_actions(AlarmNames=[name])  # which changes nothing
    with pytest.raises(cloudwatch.exceptions.ClientError):
        cloudwatch.put_metric_alarm(**{**members, "Period": 7})
    assert [item["HistorySummary"] for item in history(cloudwatch, name)] == [
        f'Alarm "{name}" created',
        f'Alarm "{name}" updated',
    ]
