"""AlarmStates: CloudWatch and the autoscaler have the same alarms, and CloudWatch shows the evaluated states."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.server.alarm_states import AlarmStates
from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, FakeRegion, fake_region
from tests.emulator.server.alarms import BACKLOG, STEP, TARGET, alarms, put_alarm, state_of

# Nobody calls SageMaker there: the server evaluates no alarm of this region, so that the tests can.
QUIET_REGION = "ap-southeast-2"
TOPIC = f"arn:aws:sns:{QUIET_REGION}:{ACCOUNT}:topic"


@pytest.fixture(scope="module")
def quiet_clients(running: Running, tmp_path_factory: pytest.TempPathFactory) -> AwsClients:
    return AwsClients(running.local.endpoint_url, QUIET_REGION, ACCOUNT, tmp_path_factory.mktemp("quiet"))


@pytest.fixture
def region(quiet_clients: AwsClients, tmp_path: Path) -> Iterator[FakeRegion]:
    """An endpoint of one instance, scaled, in a region where only these tests evaluate alarms."""
    with fake_region(tmp_path, clients=quiet_clients) as region:
        region.create("receipts")
        region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 4})
        yield region
    names = [alarm["AlarmName"] for alarm in alarms(quiet_clients)]
    quiet_clients.cloudwatch.delete_alarms(AlarmNames=names)


@pytest.fixture
def states(region: FakeRegion) -> AlarmStates:
    return AlarmStates(region.clients, region.autoscaling)


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
        key = MetricKey.from_dimensions(
            "AWS/SageMaker", "ApproximateBacklogSizePerInstance", {"EndpointName": "receipts"}
        )
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
