"""The statuses of an endpoint, and what becomes of its instances in each transition."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.errors import ValidationError, ValidationException
from async_endpoint.emulator.faults.faults import Fault
from tests.emulator.fakes import ACCOUNT, LIMIT, REGION, FakeInstance, FakeRegion, eventually, fake_region
from tests.emulator.hosting.endpoints import call, invoke, rejection, set_capacity

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e"
BUSY = f'Cannot update in-progress endpoint "{ARN}".'


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        yield region


def test_a_new_endpoint_is_creating_until_its_instances_are_ready(region: FakeRegion) -> None:
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.create_config("c")
    call(region, "CreateEndpoint", EndpointConfigName="c")
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Creating"
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c"
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(region.endpoint("e"))
    slow.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    described = call(region, "DescribeEndpoint")
    assert described["EndpointStatus"] == "InService"
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
    assert variant["VariantName"] == "AllTraffic"


def test_nothing_may_be_done_to_an_endpoint_in_transition(region: FakeRegion) -> None:
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.create_config("c")
    call(region, "CreateEndpoint", EndpointConfigName="c")
    assert rejection(region, "DeleteEndpoint") == BUSY
    assert rejection(region, "UpdateEndpoint", EndpointConfigName="c") == BUSY
    slow.ready.set()
    assert region.endpoint("e").wait(LIMIT)

    slower = FakeInstance(ready=False)
    region.launches.prepared = [slower]
    set_capacity(region, 2)
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Updating"
    with pytest.raises(ValidationException, match="Cannot update in-progress endpoint"):
        set_capacity(region, 3)
    assert rejection(region, "UpdateEndpoint", EndpointConfigName="c") == BUSY
    assert rejection(region, "DeleteEndpoint") == BUSY
    slower.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "InService"
    assert len(region.launches.running) == 2


def test_an_endpoint_being_deleted_is_left_alone(region: FakeRegion) -> None:
    class Lingering(FakeInstance):
        def stop(self) -> None:
            super().stop()
            assert self.ready.wait(LIMIT)

    lingering = Lingering()
    region.launches.prepared = [lingering]
    region.create("e")
    lingering.ready.clear()
    call(region, "DeleteEndpoint")
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Deleting"
    assert rejection(region, "DeleteEndpoint") == BUSY
    assert rejection(region, "UpdateEndpoint", EndpointConfigName="e-config") == BUSY
    assert rejection(region, "CreateEndpoint", EndpointConfigName="e-config").startswith(
        "Cannot create already existing"
    )
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(region.endpoint("e"))
    lingering.ready.set()
    eventually(lambda: region.is_gone("e"), "the endpoint is gone")
    assert rejection(region, "DescribeEndpoint") == f'Could not find endpoint "{ARN}".'


def test_an_update_takes_over_when_the_new_instances_are_ready(region: FakeRegion) -> None:
    endpoint = region.create("e")
    (old,) = region.launches.made
    new = FakeInstance(ready=False)
    region.launches.prepared = [new]
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    eventually(new.started.is_set, "the new instance starts")
    assert old.alive
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "e-config"
    new.ready.set()
    assert endpoint.wait(LIMIT)
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c2"
    assert region.launches.running == [new]


def test_an_update_that_fails_leaves_the_old_instances_serving(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.create_config("c2", count=2)
    region.launches.prepared = [FakeInstance(), FakeInstance(failure="KeyError: 'weights'")]
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    assert endpoint.wait(LIMIT)
    described = call(region, "DescribeEndpoint")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "e-config")
    assert described["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "KeyError: 'weights'"
    )
    assert region.launches.running == [region.launches.made[0]]


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({}, 1),
        ({"RetainAllVariantProperties": True}, 3),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            1,
        ),
    ],
)
def test_an_update_keeps_the_count_only_when_asked_to(region: FakeRegion, members: dict[str, Any], count: int) -> None:
    endpoint = region.create("e")
    set_capacity(region, 3)
    assert endpoint.wait(LIMIT)
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2", **members)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.running) == count


def test_an_update_at_zero_that_keeps_the_count_starts_nothing(region: FakeRegion) -> None:
    endpoint = region.create("e")
    set_capacity(region, 0)
    assert endpoint.wait(LIMIT)
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2", RetainAllVariantProperties=True)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.made) == 1
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c2"


def test_the_deployment_config_of_the_last_update_is_shown(region: FakeRegion) -> None:
    endpoint = region.create("e")
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                                       "WaitIntervalInSeconds": 60}}  # fmt: skip
    shown = []
    for members in ({"DeploymentConfig": rolling}, {"RetainDeploymentConfig": True}, {}):
        call(region, "UpdateEndpoint", EndpointConfigName="e-config", **members)
        assert endpoint.wait(LIMIT)
        shown.append(call(region, "DescribeEndpoint").get("LastDeploymentConfig"))
    assert shown == [rolling, rolling, None]


def test_a_variant_that_the_endpoint_does_not_have(region: FakeRegion) -> None:
    region.create("e")
    with pytest.raises(ValidationException) as rejected:
        set_capacity(region, 2, "Other")
    assert rejected.value.message == (
        'The variant name(s) "Other" is/are not present within endpoint configuration "e-config".'
    )


def test_a_change_of_capacity_stays_at_what_there_is_capacity_for(region: FakeRegion) -> None:
    endpoint = region.create("e")
    assert endpoint.deployment is not None
    fleet = endpoint.deployment.fleet
    slow = FakeInstance(ready=False)
    region.launches.prepared = [FakeInstance(), slow]
    region.context.faults.add(Fault("no-capacity", count=1))
    set_capacity(region, 4)  # the first of three is refused
    eventually(lambda: len(region.launches.running) == 3, "the two others start")
    assert endpoint.status == "Updating"
    region.context.faults.add(Fault("no-capacity"))
    slow.ready.set()
    assert endpoint.wait(LIMIT)
    assert (endpoint.status, fleet.running, fleet.desired) == ("InService", 3, 3)
    assert "InsufficientInstanceCapacity" in (endpoint.failure_reason or "")
    region.context.faults.clear()
    set_capacity(region, 4)
    assert endpoint.wait(LIMIT)
    assert (endpoint.failure_reason, fleet.running) == (None, 4)


def test_an_instance_that_died_meanwhile_is_the_fleets_to_replace(region: FakeRegion) -> None:
    endpoint = region.create("e")
    assert endpoint.deployment is not None
    fleet = endpoint.deployment.fleet
    fleet._relaunch_seconds = LIMIT  # as good as never
    region.launches.default = lambda: FakeInstance(failure="out of memory")
    region.launches.made[0].kill()
    endpoint.sample()
    eventually(lambda: fleet.failure, "nothing comes in its stead")
    request = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
    call(region, "UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=request)
    assert endpoint.wait(LIMIT)
    assert (endpoint.status, endpoint.failure_reason, fleet.desired) == ("InService", None, 1)
    set_capacity(region, 2)
    assert endpoint.wait(LIMIT)
    assert (fleet.running, fleet.desired) == (0, 1)
    assert endpoint.failure_reason == "out of memory"


def test_what_is_in_use_can_be_deleted_and_the_endpoint_serves_on(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.sagemaker.call("DeleteEndpointConfig", {"EndpointConfigName": "e-config"})
    region.sagemaker.call("DeleteModel", {"ModelName": "e-config-model"})
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "e-config"
    set_capacity(region, 2)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.running) == 2
    gone = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/e-config"
    assert rejection(region, "UpdateEndpoint", EndpointConfigName="e-config") == (
        f'Could not find endpoint configuration "{gone}".'
    )


def test_stopping_ends_also_what_is_being_rolled_out(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.launches.prepared = [FakeInstance(ready=False)]
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    eventually(lambda: len(region.launches.running) == 2, "both generations run")
    endpoint.stop()
    assert region.launches.running == []
