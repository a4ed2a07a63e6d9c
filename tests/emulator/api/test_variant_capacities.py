"""The endpoints' instance counts, as Application Auto Scaling reads and sets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.autoscaling.errors import CapacityError
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, fake_region

RESOURCE = "endpoint/receipts/variant/AllTraffic"


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        region.create("receipts")
        yield region


def test_a_variant_that_does_not_exist_cannot_be_changed() -> None:
    capacities = VariantCapacities(lambda _: None)
    with pytest.raises(CapacityError, match=f"SageMaker resource {RESOURCE} does not exist."):
        capacities.set_desired(RESOURCE, 1)


def test_capacities_are_changed_one_at_a_time(region: FakeRegion) -> None:
    region.launches.prepared = [FakeInstance(ready=False)]
    capacities = VariantCapacities(region.sagemaker.endpoint)
    capacities.set_desired(RESOURCE, 2)
    assert capacities.is_updating(RESOURCE)
    assert capacities.desired(RESOURCE) == 2
    with pytest.raises(CapacityError, match="Cannot update in-progress endpoint"):
        capacities.set_desired(RESOURCE, 3)


def test_a_change_that_came_about_has_no_failure(region: FakeRegion) -> None:
    capacities = VariantCapacities(region.sagemaker.endpoint)
    capacities.set_desired(RESOURCE, 2)
    assert region.endpoint("receipts").wait(LIMIT)
    assert (capacities.running(RESOURCE), capacities.failure(RESOURCE)) == (2, None)


def test_a_variant_that_does_not_exist_runs_nothing() -> None:
    capacities = VariantCapacities(lambda _: None)
    for ask in (capacities.running, capacities.failure):
        with pytest.raises(CapacityError, match=f"SageMaker resource {RESOURCE} does not exist."):
            ask(RESOURCE)
