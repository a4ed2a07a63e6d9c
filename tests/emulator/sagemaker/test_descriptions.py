"""What DescribeEndpoint tells while an endpoint comes up, and of a variant's weight and count."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from async_endpoint.emulator.errors import ValidationException
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, fake_region


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        yield region


def described(region: FakeRegion) -> dict[str, Any]:
    """DescribeEndpoint's answer, which fits AWS's own model."""
    answer = region.sagemaker.call("DescribeEndpoint", {"EndpointName": "e"})
    shape: Any = get_session().get_service_model("sagemaker").shape_for("DescribeEndpointOutput")
    report = ParamValidator().validate(answer, shape)
    assert not report.has_errors(), report.generate_report()
    return answer


def change(region: FakeRegion, *variants: dict[str, Any]) -> None:
    request = {"EndpointName": "e", "DesiredWeightsAndCapacities": list(variants)}
    region.sagemaker.call("UpdateEndpointWeightsAndCapacities", request)


def variant(region: FakeRegion) -> tuple[float, int]:
    """Weight and count that are desired."""
    (found,) = described(region)["ProductionVariants"]
    assert found["CurrentWeight"] == found["DesiredWeight"]
    return found["DesiredWeight"], found["DesiredInstanceCount"]


def test_a_pending_deployment_is_described_until_it_serves(region: FakeRegion) -> None:
    first, second = FakeInstance(ready=False), FakeInstance(ready=False)
    region.launches.prepared = [first, second]
    region.create_config("c1")
    region.sagemaker.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c1"})
    began = region.clock.now()
    pending = described(region)["PendingDeploymentSummary"]
    (coming,) = pending.pop("ProductionVariants")
    assert pending == {"EndpointConfigName": "c1", "StartTime": began}
    assert (coming["VariantName"], coming["InstanceType"]) == ("AllTraffic", "ml.g4dn.xlarge")
    assert (coming["CurrentInstanceCount"], coming["DesiredInstanceCount"]) == (0, 1)
    first.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    assert "PendingDeploymentSummary" not in described(region)

    region.clock.advance(100)
    region.create_config("c2")
    region.sagemaker.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c2"})
    answer = described(region)
    assert (answer["EndpointStatus"], answer["EndpointConfigName"]) == ("Updating", "c1")
    assert answer["PendingDeploymentSummary"]["EndpointConfigName"] == "c2"
    assert answer["PendingDeploymentSummary"]["StartTime"] == began + 100
    second.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    assert "PendingDeploymentSummary" not in described(region)


def test_a_change_of_capacity_is_no_deployment_also_after_an_update_that_failed(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.create_config("c2")
    region.launches.prepared = [FakeInstance(failure="no model"), FakeInstance(ready=False)]
    region.sagemaker.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c2"})
    assert endpoint.wait(LIMIT)
    change(region, {"VariantName": "AllTraffic", "DesiredInstanceCount": 2})
    answer = described(region)
    assert answer["EndpointStatus"] == "Updating"
    assert "PendingDeploymentSummary" not in answer


def test_a_weight_lasts_until_an_update_that_does_not_retain_it(region: FakeRegion) -> None:
    endpoint = region.create("e")
    assert variant(region) == (1.0, 1)
    change(region, {"VariantName": "AllTraffic", "DesiredWeight": 2.5})
    assert endpoint.wait(LIMIT)
    assert variant(region) == (2.5, 1)
    change(region, {"VariantName": "AllTraffic", "DesiredInstanceCount": 2})
    assert endpoint.wait(LIMIT)
    assert variant(region) == (2.5, 2)
    seen = []
    excluded = {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}]}
    for members in ({"RetainAllVariantProperties": True}, {"RetainAllVariantProperties": True, **excluded}, {}):
        region.sagemaker.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "e-config", **members})
        assert endpoint.wait(LIMIT)
        seen.append(variant(region))
    assert seen == [(2.5, 2), (1.0, 2), (1.0, 1)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["AllTraffic", "Other"], 'The variant name(s) "Other" is/are not present within endpoint configuration '),
        (["AllTraffic", "AllTraffic"], 'The variant name "AllTraffic" was non-unique within the request.'),
    ],
)
def test_a_rejected_request_changes_nothing(region: FakeRegion, names: list[str], message: str) -> None:
    region.create("e")
    with pytest.raises(ValidationException) as rejected:
        change(region, *({"VariantName": name, "DesiredInstanceCount": 3} for name in names))
    assert rejected.value.message.startswith(message)
    assert described(region)["EndpointStatus"] == "InService"
    assert variant(region) == (1.0, 1)
