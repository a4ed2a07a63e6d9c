"""Alarms of the running CloudWatch go by our evaluation; target tracking's own are shown in it."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.metrics import MINUTE, MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.hosting.instance import InstanceFactory
from async_endpoint.emulator.server.alarm_states import AlarmStates
from async_endpoint.emulator.server.config import ServerConfig
from async_endpoint.emulator.server.region import Region
from tests.emulator.conftest import Mailbox, Running, make_mailbox
from tests.emulator.fakes import (
    ACCOUNT,
    LIMIT,
    FakeInstance,
    FakeRegion,
    endpoint_config,
    eventually,
    fake_region,
    model,
)

# Nobody calls the server there but CloudWatch, and without data: it evaluates nothing itself, so that the tests can.
QUIET_REGION = "eu-central-1"
OTHER_QUIET_REGION = "eu-north-1"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
BACKLOG = {
    "Namespace": "AWS/SageMaker",
    "MetricName": "ApproximateBacklogSizePerInstance",
    "Dimensions": [{"Name": "EndpointName", "Value": "receipts"}],
    "Statistic": "Average",
}
STEP = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
TOPIC = f"arn:aws:sns:{QUIET_REGION}:{ACCOUNT}:topic"
Client = Any  # boto3 makes its clients at run time


@pytest.fixture(scope="module")
def cloudwatch(running: Running) -> Client:
    return running.client("cloudwatch")


@pytest.fixture
def mailbox(running: Running) -> Mailbox:
    return make_mailbox(running.client("sns"), running.client("sqs"))


def put_alarm(cloudwatch: Client, namespace: str, **changes: Any) -> str:
    """The name of a new alarm on the errors of the queue called `live`: one above 5 in each of 2 minutes."""
    name = f"alarm-{uuid.uuid4().hex[:12]}"
    alarm = {
        "AlarmName": name,
        "Namespace": namespace,
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Queue", "Value": "live"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    }
    cloudwatch.put_metric_alarm(**{**alarm, **changes})
    return name


def put(cloudwatch: Client, namespace: str, value: float, queue: str = "live") -> None:
    dimensions = [{"Name": "Queue", "Value": queue}]
    data = [{"MetricName": "Errors", "Dimensions": dimensions, "Value": value}]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def state_of(cloudwatch: Client, name: str) -> str:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def becomes(cloudwatch: Client, name: str, state: str, feed: Callable[[], object]) -> None:
    """Feed data, minute by minute of AWS's clock, until the alarm is in a state."""
    eventually(lambda: feed() or state_of(cloudwatch, name) == state, f"{name} in {state}", every=0.1)


# -- by the server's own evaluation --------------------------------------------------------------------------------


def test_an_alarm_fires_on_data_of_its_exact_dimensions_and_tells_its_topic_once(
    cloudwatch: Client, mailbox: Mailbox
) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    actions = {"AlarmActions": [mailbox.topic], "OKActions": [mailbox.topic]}
    name = put_alarm(cloudwatch, namespace, **actions)

    def feed(live: float, other: float) -> Callable[[], None]:
        def both() -> None:
            put(cloudwatch, namespace, live)
            put(cloudwatch, namespace, other, "other")

        return both

    becomes(cloudwatch, name, "OK", feed(0, 99))
    becomes(cloudwatch, name, "ALARM", feed(6, 0))
    becomes(cloudwatch, name, "OK", feed(0, 99))
    told = [(message["AlarmName"], message["NewStateValue"]) for message in mailbox.take(3)]
    assert told == [(name, "OK"), (name, "ALARM"), (name, "OK")]


def test_one_datapoint_is_not_two_of_two(cloudwatch: Client) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    one_of_two = put_alarm(cloudwatch, namespace, DatapointsToAlarm=1)
    two_of_two = put_alarm(cloudwatch, namespace)
    becomes(cloudwatch, two_of_two, "OK", lambda: put(cloudwatch, namespace, 0))
    put(cloudwatch, namespace, 6)
    eventually(lambda: state_of(cloudwatch, one_of_two) == "ALARM", "the alarm on one datapoint")
    assert state_of(cloudwatch, two_of_two) == "OK"


def test_a_state_that_a_client_sets_lasts_until_the_next_evaluation(cloudwatch: Client) -> None:
    namespace = f"tests-{uuid.uuid4().hex[:12]}"
    name = put_alarm(cloudwatch, namespace)
    becomes(cloudwatch, name, "OK", lambda: put(cloudwatch, namespace, 0))
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    assert state_of(cloudwatch, name) == "ALARM"
    becomes(cloudwatch, name, "OK", lambda: put(cloudwatch, namespace, 0))


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


# -- with the autoscaler in hand -----------------------------------------------------------------------------------


@pytest.fixture
def region(running: Running, tmp_path: Path) -> Iterator[FakeRegion]:
    """An endpoint of one instance, scaled, in a region where only these tests evaluate alarms."""
    clients = AwsClients(running.local.endpoint_url, QUIET_REGION, ACCOUNT, tmp_path)
    with fake_region(tmp_path, clients=clients) as region:
        region.create("receipts")
        region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 4})
        yield region
    names = [alarm["AlarmName"] for alarm in alarms(clients)]
    clients.cloudwatch.delete_alarms(AlarmNames=names)


@pytest.fixture
def states(region: FakeRegion) -> AlarmStates:
    return AlarmStates(region.clients, region.autoscaling)


def alarms(clients: AwsClients) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = clients.cloudwatch.describe_alarms()["MetricAlarms"]  # type: ignore[assignment]  # a TypedDict
    return found


def track(region: FakeRegion, target: float) -> None:
    configuration = {"TargetValue": target, "CustomizedMetricSpecification": BACKLOG}
    region.autoscaling.call(
        "PutScalingPolicy",
        {
            **TARGET,
            "PolicyName": "track",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        },
    )


def pass_minute(region: FakeRegion, states: AlarmStates, backlog: float | None = None) -> None:
    """A minute of AWS's clock as `Region.tick` ends it, with a sample of the backlog in it."""
    if backlog is not None:
        key = MetricKey.of("AWS/SageMaker", "ApproximateBacklogSizePerInstance", {"EndpointName": "receipts"})
        region.store.put(key, backlog, region.clock.now())
    region.clock.advance(MINUTE)
    states.pull()
    region.autoscaling.tick()
    states.push()


def test_target_trackings_alarms_are_shown_follow_their_policy_and_go_with_it(
    region: FakeRegion, states: AlarmStates
) -> None:
    track(region, 5.0)
    pass_minute(region, states)
    high, low = sorted(alarms(region.clients), key=lambda alarm: str(alarm["AlarmName"]))
    assert high["AlarmName"].startswith("TargetTracking-endpoint/receipts/variant/AllTraffic-AlarmHigh-")
    assert low["AlarmName"].startswith("TargetTracking-endpoint/receipts/variant/AllTraffic-AlarmLow-")
    assert (high["Threshold"], low["Threshold"]) == (5.0, 4.5)
    assert high["Dimensions"] == [{"Name": "EndpointName", "Value": "receipts"}]

    track(region, 10.0)
    pass_minute(region, states)
    assert sorted(alarm["Threshold"] for alarm in alarms(region.clients)) == [9.0, 10.0]

    region.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "track"})
    pass_minute(region, states)
    assert alarms(region.clients) == []


def test_target_trackings_alarms_go_when_the_target_is_deregistered(region: FakeRegion, states: AlarmStates) -> None:
    track(region, 5.0)
    pass_minute(region, states)
    assert len(alarms(region.clients)) == 2
    region.autoscaling.call("DeregisterScalableTarget", TARGET)
    pass_minute(region, states)
    assert alarms(region.clients) == []


def test_target_trackings_alarms_show_the_state_that_they_are_in(region: FakeRegion, states: AlarmStates) -> None:
    track(region, 5.0)
    for _ in range(4):
        pass_minute(region, states, backlog=50.0)
    high, low = sorted(alarms(region.clients), key=lambda alarm: str(alarm["AlarmName"]))
    assert (high["StateValue"], low["StateValue"]) == ("ALARM", "OK")
    assert high["StateReason"].startswith("Threshold Crossed: ")
    assert high["StateReasonData"]
    assert region.endpoint("receipts").wait(20)
    assert len(region.launches.running) == 4  # ceil(1 x 50 / 5), no more than the maximum


def test_an_alarm_of_a_client_is_watched_changed_and_forgotten(region: FakeRegion, states: AlarmStates) -> None:
    cloudwatch = region.clients.cloudwatch
    name = put_alarm(cloudwatch, "tests")
    pass_minute(region, states)
    assert [alarm["AlarmName"] for alarm in region.autoscaling.alarms()] == [name]
    put_alarm(cloudwatch, "tests", AlarmName=name, Threshold=7.0)
    pass_minute(region, states)
    assert [alarm["Threshold"] for alarm in region.autoscaling.alarms()] == [7.0]
    cloudwatch.delete_alarms(AlarmNames=[name])
    pass_minute(region, states)
    assert region.autoscaling.alarms() == []


def test_an_alarm_that_is_not_evaluated_here_is_left_as_it_is(
    region: FakeRegion, states: AlarmStates, caplog: pytest.LogCaptureFixture
) -> None:
    cloudwatch = region.clients.cloudwatch
    name = put_alarm(cloudwatch, "tests")
    pass_minute(region, states)
    put_alarm(cloudwatch, "tests", AlarmName=name, Period=30)
    pass_minute(region, states)
    assert region.autoscaling.alarms() == []
    assert f"alarm {name} is not evaluated: " in caplog.text
    assert state_of(cloudwatch, name) == "INSUFFICIENT_DATA"


def test_an_alarm_deleted_meanwhile_keeps_no_other_from_being_shown(region: FakeRegion, states: AlarmStates) -> None:
    cloudwatch = region.clients.cloudwatch
    gone, kept = (put_alarm(cloudwatch, "tests", TreatMissingData="notBreaching") for _ in range(2))
    region.clock.advance(MINUTE)
    states.pull()
    region.autoscaling.tick()
    cloudwatch.delete_alarms(AlarmNames=[gone])
    states.push()
    assert state_of(cloudwatch, kept) == "OK"


def test_a_policy_that_is_deleted_leaves_a_clients_alarm_and_other_actions_stay(
    region: FakeRegion, states: AlarmStates
) -> None:
    wake = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [STEP]}
    policy = {**TARGET, "PolicyName": "wake", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": wake}
    arn = region.autoscaling.call("PutScalingPolicy", policy)["PolicyARN"]
    name = put_alarm(region.clients.cloudwatch, "tests", AlarmActions=[TOPIC, arn], OKActions=[arn], Threshold=6.5)
    pass_minute(region, states)
    region.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "wake"})
    pass_minute(region, states)
    (alarm,) = alarms(region.clients)
    assert (alarm["AlarmName"], alarm["Threshold"], alarm["EvaluationPeriods"]) == (name, 6.5, 2)
    assert (alarm["AlarmActions"], alarm["OKActions"]) == ([TOPIC], [])


def test_what_a_client_does_to_target_trackings_alarms_counts(region: FakeRegion, states: AlarmStates) -> None:
    cloudwatch = region.clients.cloudwatch
    track(region, 5.0)
    pass_minute(region, states)
    high, low = sorted(alarm["AlarmName"] for alarm in alarms(region.clients))
    cloudwatch.delete_alarms(AlarmNames=[low])
    cloudwatch.disable_alarm_actions(AlarmNames=[high])
    for _ in range(4):
        pass_minute(region, states, backlog=50.0)
    (policy,) = region.autoscaling.call("DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})["ScalingPolicies"]
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == [high]
    assert [(alarm["AlarmName"], alarm["StateValue"]) for alarm in alarms(region.clients)] == [(high, "ALARM")]
    assert len(region.launches.running) == 1  # it went off, and did nothing

    track(region, 6.0)
    pass_minute(region, states, backlog=50.0)
    assert sorted(alarm["AlarmName"] for alarm in alarms(region.clients)) == [high, low]
    for _ in range(3):
        pass_minute(region, states, backlog=50.0)
    assert region.endpoint("receipts").wait(20)
    assert len(region.launches.running) == 4


# -- as the server wires it ----------------------------------------------------------------------------------------


@pytest.fixture
def whole(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    """A region with an endpoint at zero, of instances that are threads; nothing passes its time."""
    monkeypatch.setattr(InstanceFactory, "make", lambda *_: FakeInstance())
    config = ServerConfig(running.local.endpoint_url, tmp_path, ServingEnvironment(tmp_path), SystemClock(), threads=1)
    region = Region(ACCOUNT, OTHER_QUIET_REGION, config)
    region.sagemaker.call("CreateModel", model("receipts"))
    region.sagemaker.call("CreateEndpointConfig", endpoint_config("receipts", "receipts"))
    region.sagemaker.call("CreateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": "receipts"})
    endpoint = region.sagemaker.endpoint("receipts")
    assert endpoint is not None
    assert endpoint.wait(LIMIT)
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 4})
    yield region
    region.stop()
    region.clients.cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms(region.clients)])


def test_target_trackings_alarms_are_there_when_the_policy_is_and_gone_when_it_is(whole: Region) -> None:
    configuration = {"TargetValue": 5.0, "CustomizedMetricSpecification": BACKLOG}
    policy = {**TARGET, "PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    put = partial(
        whole.autoscaling.call,
        "PutScalingPolicy",
        {**policy, "TargetTrackingScalingPolicyConfiguration": configuration},
    )
    named = {alarm["AlarmName"] for alarm in put()["Alarms"]}
    assert len(named) == 2
    assert {alarm["AlarmName"] for alarm in alarms(whole.clients)} == named
    whole.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "track"})
    assert alarms(whole.clients) == []
    put()
    whole.autoscaling.call("DeregisterScalableTarget", TARGET)
    assert alarms(whole.clients) == []


def test_a_policy_that_is_put_anew_has_its_alarms_again_whatever_was_done_to_them_a_moment_ago(whole: Region) -> None:
    configuration = {"TargetValue": 5.0, "CustomizedMetricSpecification": BACKLOG}
    policy = {**TARGET, "PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    put = {**policy, "TargetTrackingScalingPolicyConfiguration": configuration}
    whole.autoscaling.call("PutScalingPolicy", put)
    high, low = sorted(alarm["AlarmName"] for alarm in alarms(whole.clients))
    whole.clients.cloudwatch.delete_alarms(AlarmNames=[low])
    whole.clients.cloudwatch.disable_alarm_actions(AlarmNames=[high])
    answer = whole.autoscaling.call("PutScalingPolicy", put)
    assert sorted(alarm["AlarmName"] for alarm in answer["Alarms"]) == [high, low]
    assert {alarm["AlarmName"]: alarm["ActionsEnabled"] for alarm in alarms(whole.clients)} == {high: True, low: True}


def test_a_state_that_is_set_by_hand_wakes_the_endpoint_at_once(whole: Region) -> None:
    wake = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [STEP]}
    policy = {**TARGET, "PolicyName": "wake", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": wake}
    arn = whole.autoscaling.call("PutScalingPolicy", policy)["PolicyARN"]
    name = put_alarm(whole.clients.cloudwatch, "tests", AlarmActions=[arn])
    whole.apply_alarm_state(name, "ALARM", "by hand", '{"recentDatapoints": [9.0]}')
    endpoint = whole.sagemaker.endpoint("receipts")
    assert endpoint is not None
    assert endpoint.deployment is not None
    eventually(lambda: endpoint.deployment.fleet.desired == 1, "an instance is asked for")  # type: ignore[union-attr]  # above
    assert endpoint.wait(LIMIT)
    activities = whole.autoscaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    (activity,) = activities["ScalingActivities"]
    assert activity["Cause"] == f"monitor alarm {name} in state ALARM triggered policy wake"


def test_the_server_tells_a_region_of_states_that_clients_set(running: Running) -> None:
    """The alarm is the autoscaler's at once, without a minute's end: a moment later it is evaluated and OK again."""
    cloudwatch = running.client("cloudwatch")
    running.client("sagemaker").list_endpoints()
    name = put_alarm(cloudwatch, "tests", TreatMissingData="notBreaching")
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    told = f"alarm {name} went from INSUFFICIENT_DATA to ALARM: by hand"
    eventually(lambda: told in running.local.log.read_text(encoding="utf-8"), "the region has heard of it")
    eventually(lambda: state_of(cloudwatch, name) == "OK", "the next evaluation")
