"""The running server: it evaluates the alarms of its CloudWatch, and scales by the states that clients set."""

import itertools
import re
import uuid
from collections.abc import Callable

import pytest

from tests.emulator.conftest import Mailbox, Running, make_mailbox
from tests.emulator.fakes import eventually
from tests.emulator.server.alarms import Client, put_alarm, state_of


@pytest.fixture(scope="module")
def cloudwatch(running: Running) -> Client:
    return running.client("cloudwatch")


@pytest.fixture
def mailbox(running: Running) -> Mailbox:
    return make_mailbox(running.client("sns"), running.client("sqs"))


def put(cloudwatch: Client, namespace: str, value: float, queue: str = "live") -> None:
    dimensions = [{"Name": "Queue", "Value": queue}]
    data = [{"MetricName": "Errors", "Dimensions": dimensions, "Value": value}]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def becomes(cloudwatch: Client, name: str, state: str, feed: Callable[[], object]) -> None:
    """Feed data, minute by minute of AWS's clock, until the alarm is in a state."""
    eventually(lambda: feed() or state_of(cloudwatch, name) == state, f"{name} in {state}", every=0.1)


def test_an_alarm_fires_on_data_of_its_exact_dimensions_and_notifies_its_topic_once(
    cloudwatch: Client, mailbox: Mailbox
) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    actions = {"AlarmActions": [mailbox.topic], "OKActions": [mailbox.topic]}
    name = put_alarm(cloudwatch, namespace, TreatMissingData="ignore", **actions)

    def feed(live: float, other: float) -> Callable[[], None]:
        def both() -> None:
            put(cloudwatch, namespace, live)
            put(cloudwatch, namespace, other, "other")

        return both

    becomes(cloudwatch, name, "OK", feed(0, 99))
    becomes(cloudwatch, name, "ALARM", feed(6, 0))
    becomes(cloudwatch, name, "OK", feed(0, 99))
    published = [(message["AlarmName"], message["NewStateValue"]) for message in mailbox.take(3)]
    assert published == [(name, "OK"), (name, "ALARM"), (name, "OK")]


def test_one_datapoint_is_not_two_of_two(cloudwatch: Client) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    one_of_two = put_alarm(cloudwatch, namespace, TreatMissingData="ignore", DatapointsToAlarm=1)
    two_of_two = put_alarm(cloudwatch, namespace, TreatMissingData="ignore")
    becomes(cloudwatch, two_of_two, "OK", lambda: put(cloudwatch, namespace, 0))
    calls = itertools.count()
    # Again and again, minutes apart: on a busy machine an evaluation may come after the minutes that it would look at.
    becomes(cloudwatch, one_of_two, "ALARM", lambda: put(cloudwatch, namespace, 0 if next(calls) % 20 else 6))
    assert state_of(cloudwatch, two_of_two) == "OK"
    history = cloudwatch.describe_alarm_history(AlarmName=two_of_two, HistoryItemType="StateUpdate")
    assert not [item for item in history["AlarmHistoryItems"] if item["HistorySummary"].endswith("to ALARM")]


def test_a_state_that_a_client_sets_lasts_until_the_next_evaluation(cloudwatch: Client) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    name = put_alarm(cloudwatch, namespace, TreatMissingData="ignore")
    becomes(cloudwatch, name, "OK", lambda: put(cloudwatch, namespace, 0))
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")

    def last_updates() -> list[str]:
        put(cloudwatch, namespace, 0)
        history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", MaxRecords=2)
        return [item["HistorySummary"] for item in history["AlarmHistoryItems"]]

    expected = ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]
    eventually(lambda: last_updates() == expected, "the next evaluation", every=0.1)


def test_an_alarm_on_metric_math_goes_by_its_result_and_is_shown_as_it_was_put(cloudwatch: Client) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    name = f"math-{uuid.uuid4().hex[:12]}"
    dimensions = [{"Name": "Queue", "Value": "live"}]
    metric = {"Namespace": namespace, "MetricName": "Errors", "Dimensions": dimensions}
    queries = [
        {"Id": "result", "Expression": "IF(errors > 5, errors - 5, 0)", "Label": "too many", "ReturnData": True},
        {"Id": "errors", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}, "ReturnData": False},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=queries,
        EvaluationPeriods=1,
        Threshold=2.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    (shown,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert shown["Metrics"] == queries
    assert not {"MetricName", "Namespace", "Period", "Statistic"} & shown.keys()
    becomes(cloudwatch, name, "OK", lambda: put(cloudwatch, namespace, 6))
    becomes(cloudwatch, name, "ALARM", lambda: put(cloudwatch, namespace, 7))


def test_a_region_scales_by_states_that_clients_set_before_the_next_minute(running: Running) -> None:
    """The alarm is the autoscaler's at once, without a minute's end: a moment later it is evaluated and OK again."""
    cloudwatch = running.client("cloudwatch")
    running.client("sagemaker").list_endpoints()
    name = put_alarm(cloudwatch, "tests", TreatMissingData="notBreaching")
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    # An evaluation may have been between the two calls.
    line = re.compile(f"alarm {name} went from (INSUFFICIENT_DATA|OK) to ALARM: by hand")
    eventually(lambda: line.search(running.local.log.read_text(encoding="utf-8")), "the region's log of the new state")
    eventually(lambda: state_of(cloudwatch, name) == "OK", "the next evaluation")
