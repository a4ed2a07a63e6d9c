"""What AWS leaves open, as switches of the command line."""

import pytest

from async_endpoint.emulator.assumptions import AssumptionError, Assumptions


def test_each_pair_sets_a_switch_and_the_others_keep_their_defaults() -> None:
    assumed = Assumptions.parse(["backlog=queued", "failure-location=absent"])
    assert assumed == Assumptions(backlog="queued", failure_location="absent")
    assert Assumptions.parse(assumed.as_arguments()) == assumed
    assert Assumptions.parse([]) == Assumptions()


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("backlogs=queued", "There is no assumption 'backlogs': choose one of backlog"),
        ("backlog=all", "The assumption backlog is in-flight or queued, not 'all'"),
        ("backlog", "The assumption backlog is in-flight or queued, not ''"),
    ],
)
def test_what_is_no_switch_is_refused_with_the_choices(pair: str, sentence: str) -> None:
    with pytest.raises(AssumptionError, match=sentence):
        Assumptions.parse([pair])
