"""A region as the server wires it: SageMaker, Application Auto Scaling and CloudWatch know each other."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.hosting.instance import InstanceFactory
from async_endpoint.emulator.server.alarm_states import AlarmStates
from async_endpoint.emulator.server.config import ServerConfig
from async_endpoint.emulator.server.region import Region
from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, LIMIT, FakeInstance, endpoint_config, eventually, model
from tests.emulator.hosting.test_history import ended
from tests.emulator.server.alarms import BACKLOG, STEP, TARGET, alarms, put_alarm

# Nobody calls SageMaker of the running server there: it evaluates no alarm of this region.
QUIET_REGION = "eu-north-1"


@pytest.fixture
def region(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    """A region with an endpoint at zero, of instances that are threads; nothing passes its time."""
    monkeypatch.setattr(InstanceFactory, "make", lambda *_: FakeInstance())
    config = ServerConfig(running.local.endpoint_url, tmp_path, ServingEnvironments(tmp_path), SystemClock(), threads=1)
    region = Region(ACCOUNT, QUIET_REGION, config)
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


def test_target_trackings_alarms_are_there_when_the_policy_is_and_gone_when_it_is(region: Region) -> None:
    configuration = {"TargetValue": 5.0, "CustomizedMetricSpecification": BACKLOG}
    policy = {**TARGET, "PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    put = partial(
        region.autoscaling.call,
        "PutScalingPolicy",
        {**policy, "TargetTrackingScalingPolicyConfiguration": configuration},
    )
    named = {alarm["AlarmName"] for alarm in put()["Alarms"]}
    assert len(named) == 2
    assert {alarm["AlarmName"] for alarm in alarms(region.clients)} == named
    region.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "track"})
    assert alarms(region.clients) == []
    put()
    region.autoscaling.call("DeregisterScalableTarget", TARGET)
    assert alarms(region.clients) == []


def test_a_policy_that_is_put_again_has_its_alarms_again_whatever_clients_did_to_them(region: Region) -> None:
    configuration = {"TargetValue": 5.0, "CustomizedMetricSpecification": BACKLOG}
    policy = {**TARGET, "PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    put = {**policy, "TargetTrackingScalingPolicyConfiguration": configuration}
    region.autoscaling.call("PutScalingPolicy", put)
    high, low = sorted(alarm["AlarmName"] for alarm in alarms(region.clients))
    region.clients.cloudwatch.delete_alarms(AlarmNames=[low])
    region.clients.cloudwatch.disable_alarm_actions(AlarmNames=[high])
    response = region.autoscaling.call("PutScalingPolicy", put)
    assert sorted(alarm["AlarmName"] for alarm in response["Alarms"]) == [high, low]
    assert {alarm["AlarmName"]: alarm["ActionsEnabled"] for alarm in alarms(region.clients)} == {high: True, low: True}


def test_a_state_that_is_set_by_hand_wakes_the_endpoint_at_once(region: Region) -> None:
    wake = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [STEP]}
    policy = {**TARGET, "PolicyName": "wake", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": wake}
    arn = region.autoscaling.call("PutScalingPolicy", policy)["PolicyARN"]
    name = put_alarm(region.clients.cloudwatch, "tests", AlarmActions=[arn])
    region.apply_alarm_state(name, "ALARM", "by hand", '{"recentDatapoints": [9.0]}')
    endpoint = region.sagemaker.endpoint("receipts")
    assert endpoint is not None
    assert endpoint.deployment is not None
    eventually(lambda: endpoint.deployment.fleet.desired == 1, "an instance is asked for")  # type: ignore[union-attr]  # above
    assert endpoint.wait(LIMIT)
    activities = region.autoscaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    (activity,) = activities["ScalingActivities"]
    assert activity["Cause"] == f"monitor alarm {name} in state ALARM triggered policy wake"


def test_the_history_is_in_the_state_and_an_older_state_has_none(region: Region, tmp_path: Path) -> None:
    ended(region.history, "before")
    region.stop()
    saved = json.loads(json.dumps(region.state()))
    config = ServerConfig("http://localhost:1", tmp_path, ServingEnvironments(tmp_path), SystemClock(), threads=1)

    def restored(state: dict[str, Any]) -> list[str]:
        other = Region(ACCOUNT, QUIET_REGION, config)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(AlarmStates, "restore", lambda _: None)
            other.restore(state)
        return [document.inference_id for document in other.history.documents("receipts")]

    assert restored(saved) == ["before"]
    assert restored({name: value for name, value in saved.items() if name != "history"}) == []


@pytest.mark.parametrize("age", [0, 300])
@pytest.mark.parametrize("is_on_the_walls", [True, False], ids=["wall", "aws"])
def test_a_clients_datum_counts_on_the_clock_by_which_the_client_dated_it(
    tmp_path: Path, age: float, *, is_on_the_walls: bool
) -> None:
    clock = SystemClock(not_before=time.time() + 8 * 3600)
    config = ServerConfig("http://localhost:1", tmp_path, ServingEnvironments(tmp_path), clock, threads=1)
    region = Region(ACCOUNT, QUIET_REGION, config)
    at = (time.time() if is_on_the_walls else clock.now()) - age
    statistics = {"SampleCount": 1.0, "Sum": 5.0, "Minimum": 5.0, "Maximum": 5.0}
    before = clock.now()
    region.record_metric("tests", "Oldest", {}, at, statistics)
    ((*_, ((minute, *_),)),) = region.state()["metrics"]
    assert before - age - MINUTE < minute <= clock.now() - age
