"""An update that an alarm sends back, and one that no alarm stops."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.rollback import RollbackWatch
from tests.emulator.conftest import Running
from tests.emulator.fakes import LIMIT, FakeRegion, eventually, fake_region


@pytest.fixture
def region(tmp_path: Path, clients: AwsClients, running: Running) -> Iterator[FakeRegion]:
    running.client("sagemaker").list_endpoints()  # alarms are evaluated in regions whose SageMaker was called
    with fake_region(tmp_path, clients=clients) as region:
        yield region


def alarm(clients: AwsClients, missing: str, state: str) -> str:
    """An alarm that is in that state because its metric has no data."""
    name = f"rollback-{uuid.uuid4().hex[:8]}"
    clients.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="N",
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData=missing,
    )

    def states() -> list[str]:
        found = clients.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return [item["StateValue"] for item in found]

    eventually(lambda: states() == [state], f"an alarm in {state}")
    return name


def update(region: FakeRegion, name: str, wait: int = 0) -> None:
    """Update endpoint "receipts" to config "other", watched by an alarm."""
    region.create("receipts")
    region.create_config("other")
    region.sagemaker.call(
        "UpdateEndpoint",
        {
            "EndpointName": "receipts",
            "EndpointConfigName": "other",
            "DeploymentConfig": {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                    "TerminationWaitInSeconds": wait,
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]},
            },
        },
    )


def test_an_alarm_sends_an_update_back(region: FakeRegion, clients: AwsClients) -> None:
    name = alarm(clients, "breaching", "ALARM")
    update(region, name)
    endpoint = region.endpoint("receipts")
    assert endpoint.wait(LIMIT)
    assert (endpoint.status, endpoint.config["EndpointConfigName"]) == ("InService", "receipts-config")
    assert endpoint.failure_reason == (
        f"The following alarms were in ALARM during the deployment: [{name}]. It was rolled back."
    )
    old, new = region.launches.made
    assert (old.alive, new.alive) == (True, False)


def test_without_an_alarm_the_old_instances_go_when_the_wait_is_over(region: FakeRegion, clients: AwsClients) -> None:
    update(region, alarm(clients, "notBreaching", "OK"), wait=60)
    endpoint = region.endpoint("receipts")
    eventually(lambda: [each.fleet.running for each in endpoint.deployments] == [1, 1], "both are in service")
    old, new = region.launches.made
    assert (endpoint.status, old.alive, new.alive) == ("Updating", True, True)
    assert endpoint.config["EndpointConfigName"] == "receipts-config"
    assert endpoint.pending is not None
    endpoint.sample()
    per_instance = MetricKey.from_dimensions(
        "AWS/SageMaker", "ApproximateBacklogSizePerInstance", {"EndpointName": "receipts"}
    )
    assert per_instance in region.store.all_keys()
    new.kill()
    endpoint.sample()
    eventually(lambda: len(region.launches.made) == 3, "what died while it was watched is replaced")

    def is_over() -> bool:
        region.clock.advance(10)  # again and again: the wait may begin only when the replacement is there
        return endpoint.wait(0)

    eventually(is_over, "the end of the update")
    assert (endpoint.status, endpoint.failure_reason, old.alive) == ("InService", None, False)
    assert endpoint.config["EndpointConfigName"] == "other"


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ({}, 0),
        ({"TerminationWaitInSeconds": 5}, 5),
        ({"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 7}}, 0),
        ({"TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 7}}, 7),
    ],
)
def test_how_long_the_alarms_are_watched(region: FakeRegion, policy: dict[str, object], seconds: int) -> None:
    assert RollbackWatch.from_deployment_config({"BlueGreenUpdatePolicy": policy}, region.context).seconds == seconds
