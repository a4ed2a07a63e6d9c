"""Service times of types: one for all, or each its own."""

import pytest

from async_endpoint.planner import Durations, PlanError, ServiceTimes


def test_a_type_has_its_own_time_and_others_share_one() -> None:
    times = ServiceTimes.parse(["2", "ml.g5.xlarge:p50=0.5,p95=1"])
    assert times.of("ml.g5.xlarge") == Durations(((50.0, 0.5), (95.0, 1.0)))
    assert times.of("ml.g4dn.xlarge") == Durations.constant(2)


@pytest.mark.parametrize("texts", [["2", "ml.g5.xlarge:1"], ["ml.g5.xlarge:1"]])
def test_a_type_that_must_be_named_has_no_time_of_another(texts: list[str]) -> None:
    with pytest.raises(PlanError, match=r"add --service-seconds ml\.g4dn\.xlarge:SECONDS"):
        ServiceTimes.parse(texts).of("ml.g4dn.xlarge", named=True)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1", "2"], "two durations of no type"),
        (["ml.g5.xlarge:1", "ml.g5.xlarge:2"], r"two durations of ml\.g5\.xlarge"),
        (["ml.g5.xlarge"], "is no duration"),
    ],
)
def test_what_is_wrong_is_a_sentence(texts: list[str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        ServiceTimes.parse(texts)


def test_a_time_of_a_type_that_nobody_plans_is_a_sentence() -> None:
    times = ServiceTimes.parse(["2", "ml.g4dn.xlage:0.1"])
    with pytest.raises(PlanError, match=r"names ml\.g4dn\.xlage, and the planned types are ml\.g4dn\.xlarge"):
        times.check_used({"ml.g4dn.xlarge"})
    ServiceTimes.parse(["2", "ml.g4dn.xlarge:0.1"]).check_used({"ml.g4dn.xlarge", "ml.g5.xlarge"})
