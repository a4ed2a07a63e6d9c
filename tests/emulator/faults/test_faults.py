"""Faults: what strikes, how often, and repeatably."""

from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.faults.faults import Fault, FaultError, Faults, Shortage
from tests.emulator.fakes import FakeInstance, fake_region

CALLS = 200


def decisions(seed: int, *, before: int = 0) -> list[bool]:
    """What a fault decides over many calls, with calls of other kinds before each."""
    faults = Faults(seed)
    faults.add(Fault("error", rate=0.3, service="s3"))
    faults.add(Fault("drop", rate=0.5))
    struck = []
    for _ in range(CALLS):
        for _ in range(before):
            faults.deliveries("receipts")
        struck.append(faults.response_instead("s3", "PutObject") is not None)
    return struck


def test_a_seed_repeats_the_decisions_and_another_makes_others() -> None:
    assert decisions(1) == decisions(1)
    assert decisions(1) != decisions(2)
    assert 0.2 * CALLS < sum(decisions(1)) < 0.4 * CALLS


def test_one_fault_does_not_disturb_the_chances_of_another() -> None:
    assert decisions(1, before=3) == decisions(1)


def statuses(first: Fault) -> list[int | None]:
    """The status of each of many calls with a second fault of the same kind, None for a success.

    The second fault throttles, which is 503; the first returns 500.
    """
    faults = Faults(1)
    faults.add(first)
    faults.add(Fault("throttle", rate=0.3, service="s3"))
    found = [faults.response_instead("s3", "PutObject") for _ in range(CALLS)]
    return [None if refused is None else refused[0] for refused in found]


@pytest.mark.parametrize("rate", [0.01, 0.5, 0.9])
def test_one_fault_does_not_disturb_the_chances_of_another_of_its_kind(rate: float) -> None:
    alone = statuses(Fault("error", rate=rate, service="s3", operation="GetObject"))
    both = statuses(Fault("error", rate=rate, service="s3"))
    assert 500 in both
    assert [mine for mine, other in zip(alone, both, strict=True) if other != 500] == [
        status for status in both if status != 500
    ]


def test_a_notification_that_is_dropped_disturbs_no_chance_and_is_neither_doubled_nor_reordered() -> None:
    def delivered(first: Fault) -> tuple[list[tuple[float, ...]], list[int]]:
        faults = Faults(1)
        for fault in (first, Fault("double", rate=0.3), Fault("reorder", rate=0.3)):
            faults.add(fault)
        deliveries = [faults.deliveries("receipts") for _ in range(CALLS)]
        return deliveries, [fault["struck"] for fault in faults.describe()["faults"]]

    alone, _ = delivered(Fault("drop", endpoint="another"))
    some, struck = delivered(Fault("drop", rate=0.5))
    assert [mine for mine, dropped in zip(alone, some, strict=True) if dropped] == [each for each in some if each]
    late = [(2.0,), (2.0, 2.0)]
    assert struck == [some.count(()), sum(len(each) == 2 for each in some), sum(each in late for each in some)]


def test_of_two_faults_that_would_strike_a_call_the_one_switched_on_first_does_and_it_alone_counts() -> None:
    faults = Faults()
    faults.add(Fault("error", service="s3", count=2))
    faults.add(Fault("throttle", service="s3", count=1))
    refused = [faults.response_instead("s3", "PutObject") for _ in range(4)]
    assert [each and each[0] for each in refused] == [500, 500, 503, None]
    assert [fault["struck"] for fault in faults.describe()["faults"]] == [2, 1]


def test_clearing_with_a_seed_starts_over() -> None:
    faults = Faults(1)
    faults.add(Fault("error", service="s3"))
    faults.clear(seed=5)
    assert faults.describe() == {"seed": 5, "faults": []}
    assert faults.response_instead("s3", "PutObject") is None
    assert faults.add(Fault("drop")) == 1


def test_a_fault_ends_after_its_count() -> None:
    faults = Faults()
    faults.add(Fault("kill", count=2, endpoint="receipts"))
    assert [faults.kills("other"), *(faults.kills("receipts") for _ in range(3))] == [False, True, True, False]
    assert faults.describe()["faults"][0]["struck"] == 2


@pytest.mark.parametrize(
    ("kind", "expected"), [(None, (0.0,)), ("drop", ()), ("double", (0.0, 0.0)), ("reorder", (2.0,))]
)
def test_what_becomes_of_a_notification(kind: Any, expected: tuple[float, ...]) -> None:
    faults = Faults()
    if kind:
        faults.add(Fault(kind))
    assert faults.deliveries("receipts") == expected


def test_a_slow_start_has_its_seconds_or_five_minutes() -> None:
    faults = Faults()
    assert faults.start_delay("receipts") == 0
    faults.add(Fault("slow-start", endpoint="receipts", seconds=7.0))
    faults.add(Fault("slow-start"))
    assert (faults.start_delay("receipts"), faults.start_delay("others")) == (7.0, 300.0)


def test_only_the_given_instance_type_lacks_capacity() -> None:
    faults = Faults()
    faults.add(Fault("no-capacity", instance_type="ml.g4dn.xlarge"))
    assert faults.shortage("ml.m5.xlarge") is None
    refused = faults.shortage("ml.g4dn.xlarge")
    assert refused is not None
    assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in refused.reason
    assert refused.awaited == 0


def test_stalled_capacity_is_awaited_for_its_seconds_or_half_an_hour() -> None:
    faults = Faults()
    faults.add(Fault("stalled-capacity", instance_type="ml.g4dn.xlarge", seconds=60.0))
    faults.add(Fault("stalled-capacity"))
    assert faults.shortage("ml.g4dn.xlarge") == Shortage(_insufficient("ml.g4dn.xlarge"), 60.0)
    assert faults.shortage("ml.g5.xlarge") == Shortage(_insufficient("ml.g5.xlarge"), 1800.0)


def test_of_two_shortages_the_one_switched_on_first_strikes() -> None:
    faults = Faults()
    faults.add(Fault("stalled-capacity", count=1))
    faults.add(Fault("no-capacity", count=1))
    awaited = [None if found is None else found.awaited for found in (faults.shortage("ml.m5.xlarge") for _ in "123")]
    assert awaited == [1800.0, 0.0, None]


def _insufficient(instance_type: str) -> str:
    return (
        "InsufficientInstanceCapacity: Unable to provision requested ML compute capacity due to "
        f"InsufficientInstanceCapacity error for {instance_type}. Please retry using a different ML instance type or "
        "after some time."
    )


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"kind": "flood"}, "There is no fault 'flood': choose one of error, "),
        ({}, "There is no fault ''"),
        ({"kind": "kill", "wheel": 1}, "A fault has no member 'wheel'"),
        ({"kind": "kill", "rate": 0}, "A rate is above 0 and up to 1, not 0"),
        ({"kind": "kill", "count": 0}, "A count is a whole number from 1 on, not 0"),
        ({"kind": "kill", "service": "s3"}, "The fault kill has no service"),
        ({"kind": "error", "service": "ec2"}, "'ec2' is not a service that can fail: choose one of s3, "),
        ({"kind": "no-capacity", "seconds": 60}, "The fault no-capacity has no seconds"),
        ({"kind": "stalled-capacity", "endpoint": "e"}, "The fault stalled-capacity has no endpoint"),
        ({"kind": "stalled-capacity", "seconds": 0}, "A delay is a number of seconds above 0, not 0"),
        ({"kind": "slow-start", "seconds": -1}, "A delay is a number of seconds above 0, not -1"),
    ],
)
def test_an_invalid_fault_is_rejected(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FaultError) as refused:
        Fault.from_json(members)
    assert str(refused.value).startswith(sentence)


def test_without_capacity_a_first_deployment_fails_in_awss_words(tmp_path: Path) -> None:
    with fake_region(tmp_path, FakeInstance()) as region:
        region.context.faults.add(Fault("no-capacity", instance_type="ml.g4dn.xlarge"))
        endpoint = region.create("receipts")
        assert endpoint.status == "Failed"
        assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in (endpoint.failure_reason or "")
