"""Which endpoints are woken, with how many instances, and by how many calls."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import (
    CapacityRejected,
    ScalingBounds,
    VariantCapacity,
    WakeAttempt,
    WakeResult,
    instances_to_wake,
    wake,
)

ASLEEP = VariantCapacity(status="InService")


@dataclass
class Variant:
    """A variant in memory, which notes the calls."""

    state: VariantCapacity = ASLEEP
    limits: ScalingBounds | None = field(default_factory=lambda: ScalingBounds(minimum=0, maximum=4))
    rejection: str | None = None
    calls: list[str] = field(default_factory=list)

    def capacity(self) -> VariantCapacity:
        self.calls.append("capacity")
        return self.state

    def bounds(self) -> ScalingBounds | None:
        self.calls.append("bounds")
        return self.limits

    def set_instances(self, instances: int) -> None:
        self.calls.append(f"set {instances}")
        if self.rejection:
            raise CapacityRejected(self.rejection)

    def woken(self, waiting: int = 1) -> WakeAttempt:
        return wake(self, waiting=lambda: waiting, backlog_per_instance=lambda: 5)


@pytest.mark.parametrize(("waiting", "instances"), [(0, 1), (1, 1), (5, 1), (6, 2), (8, 2), (500, 4)])
def test_a_sleeping_variant_gets_as_many_instances_as_waiting_jobs_want(waiting: int, instances: int) -> None:
    variant = Variant()
    assert variant.woken(waiting).result is WakeResult.WOKEN
    assert variant.calls == ["capacity", "bounds", f"set {instances}"]


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (VariantCapacity(status=None), WakeResult.LEFT_ALONE),
        (VariantCapacity(status="InService", running=1, desired=1), WakeResult.AWAKE),
        (VariantCapacity(status="Updating", running=0, desired=1), WakeResult.AWAKE),
        (VariantCapacity(status="Updating", running=1, desired=0), WakeResult.BUSY),
        (VariantCapacity(status="Creating"), WakeResult.BUSY),
        (VariantCapacity(status="Failed"), WakeResult.BUSY),
    ],
)
def test_any_other_state_costs_one_call(state: VariantCapacity, result: WakeResult) -> None:
    variant = Variant(state)
    assert variant.woken().result is result
    assert variant.calls == ["capacity"]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (None, "The variant has no scalable target"),
        (ScalingBounds(minimum=0, maximum=4, scale_out_suspended=True), "Scaling out is suspended"),
        (ScalingBounds(minimum=0, maximum=0), "The scalable target allows no instance"),
    ],
)
def test_what_somebody_has_decided_is_left_alone(limits: ScalingBounds | None, sentence: str) -> None:
    found = (variant := Variant(limits=limits)).woken()
    assert found.result is WakeResult.LEFT_ALONE
    assert found.sentence.startswith(sentence)
    assert variant.calls == ["capacity", "bounds"]


def test_scaling_in_that_is_suspended_is_no_reason_to_sleep() -> None:
    limits = ScalingBounds(minimum=0, maximum=4, scale_in_suspended=True)
    assert Variant(limits=limits).woken().result is WakeResult.WOKEN


def test_an_update_that_is_faster_is_no_error() -> None:
    found = Variant(rejection="Cannot update in-progress endpoint").woken()
    assert found.result is WakeResult.BUSY
    assert "Cannot update in-progress endpoint" in found.sentence


@given(minimum=st.integers(0, 50), more=st.integers(0, 50), waiting=st.integers(0, 10_000), share=st.integers(1, 1_000))
def test_the_instances_are_within_bounds_enough_and_not_one_too_many(
    minimum: int, more: int, waiting: int, share: int
) -> None:
    bounds = ScalingBounds(minimum=minimum, maximum=minimum + more)
    found = instances_to_wake(bounds, waiting=waiting, backlog_per_instance=share)
    if isinstance(found, WakeAttempt):
        assert bounds.maximum == 0
        return
    assert max(1, minimum) <= found <= bounds.maximum
    assert found * share >= waiting or found == bounds.maximum
    assert found == max(1, minimum) or (found - 1) * share < waiting
