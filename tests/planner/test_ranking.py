"""The Pareto front, the order, and the cheapest within a limit."""

from array import array

import pytest

from async_endpoint.planner import Bill, BillLine, Configuration, Outcome, Price, Ranked, cheapest_within, rank
from async_endpoint.planner.ranking import fastest
from tests.planner.stages import conditions, endpoint, stage


def ranked(name: str, usd: float | None, wait: float, *, expired: int = 0, unfinished: int = 0) -> Ranked:
    waits = array("d", [wait] * 100)
    outcome = Outcome(
        seconds=86_400,
        requests=100 + expired + unfinished,
        waits=waits,
        services=waits,
        expired=expired,
        unfinished=unfinished,
        instance_seconds=0,
        asleep_seconds=0,
        wakes=0,
        longest_wake=0,
        cut_off=0,
        changes=(),
    )
    price = None if usd is None else Price(usd, "", "", "given")
    configuration = Configuration({"scaling.preset": name}, stage(endpoint()), conditions(1))
    return Ranked(configuration, outcome, Bill((BillLine("instances", 1, price),), (), ()))


def names(found: list[Ranked], *, on_front: bool = False) -> list[object]:
    return [each.configuration.values["scaling.preset"] for each in found if each.on_front or not on_front]


def test_the_front_has_what_nothing_else_beats() -> None:
    found = rank([ranked("dear", 3, 1), ranked("cheap", 1, 9), ranked("beaten", 3, 2), ranked("middle", 2, 5)])
    assert names(found) == ["cheap", "middle", "dear", "beaten"]
    assert names(found, on_front=True) == ["cheap", "middle", "dear"]


def test_of_two_that_are_equal_in_one_number_the_better_in_the_other_is_on_the_front() -> None:
    found = rank([ranked("slower", 1, 5), ranked("faster", 1, 4), ranked("dearer", 2, 4), ranked("twin", 1, 4)])
    assert names(found, on_front=True) == ["faster", "twin"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (ranked("other", None, 0), "its instances have no price"),
        (ranked("other", 0, 0, expired=1), "1 request expired, and waits are of the others"),
        (
            ranked("other", 0, 0, unfinished=2),
            "2 requests still waited at the end, and waits are of the others",
        ),
    ],
)
def test_what_cannot_be_compared_is_never_on_the_front_and_beats_nothing(other: Ranked, reason: str) -> None:
    found = rank([ranked("known", 5, 5), other])
    assert names(found, on_front=True) == ["known"]
    assert other.not_compared == reason
    assert cheapest_within(found, 1) is None
    assert fastest(found) == found[names(found).index("known")]
    assert fastest([other]) is None


def test_one_request_in_a_hundred_may_still_wait_at_the_end() -> None:
    assert ranked("last", 1, 1, unfinished=1).not_compared is None


def test_those_without_a_price_are_last() -> None:
    assert names(rank([ranked("unknown", None, 1), ranked("known", 900, 1)])) == ["known", "unknown"]


def test_the_cheapest_within_a_limit_includes_the_limit() -> None:
    found = rank([ranked("dear", 3, 1), ranked("cheap", 1, 9), ranked("middle", 2, 5)])
    for seconds, chosen in ((9, "cheap"), (8.9, "middle"), (5, "middle"), (1, "dear")):
        best = cheapest_within(found, seconds)
        assert best is not None
        assert best.configuration.values == {"scaling.preset": chosen}
    assert cheapest_within(found, 0.5) is None
    nearest = fastest(found)
    assert nearest is not None
    assert nearest.configuration.values == {"scaling.preset": "dear"}
