"""What AWS leaves open, as switches of the command line."""

import pytest

from async_endpoint.cloudwatch import EvaluationRules, MetricKey
from async_endpoint.emulator.assumptions import AssumptionError, Assumptions


def test_each_pair_sets_a_switch_and_the_others_keep_their_defaults() -> None:
    assumed = Assumptions.parse(["backlog=queued", "failure-location=absent"])
    assert assumed == Assumptions(backlog="queued", failure_location="absent")
    assert Assumptions.parse(assumed.as_arguments()) == assumed
    assert Assumptions.parse([]) == Assumptions()


def test_the_delay_of_metrics_is_a_number_or_a_range_of_seconds() -> None:
    key, minute = (
        MetricKey.from_dimensions("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "q"}),
        1_800_000_000,
    )
    punctual = Assumptions.parse(["metric-delay=0", "metric-gaps=0"]).delivery()
    assert punctual.arrival(key, minute) == minute + 60
    late = [Assumptions.parse(["metric-gaps=0"]).delivery().arrival(key, minute + 60 * each) for each in range(50)]
    behind = {at - (minute + 60 * each) - 60 for each, at in enumerate(late) if at is not None}
    assert len(behind) > 40
    assert 60 <= min(behind) < 75
    assert 135 < max(behind) <= 150


def test_assumptions_of_numbers_are_handed_on_as_they_were_given() -> None:
    given = ["metric_delay=0", "metric_gaps=3.5", "extra_datapoints=10", "recovery_minutes=8", "fill_of_nothing=value"]
    assumed = Assumptions.parse(given)
    assert sorted(assumed.as_arguments()) == sorted(given)
    assert assumed.rules == EvaluationRules("value", "missing", 10, 8)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("backlogs=queued", "There is no assumption 'backlogs': choose one of backlog"),
        ("backlog=all", "The assumption backlog is in-flight or queued, not 'all'"),
        ("backlog", "The assumption backlog is in-flight or queued, not ''"),
        ("metric-delay=soon", "metric_delay is a number of seconds from 0 to 3600 or a range of them, .* not 'soon'"),
        ("metric-delay=-5", "not '-5'"),
        ("metric-delay=150-60", "not '150-60'"),
        ("metric-delay=60-7200", "not '60-7200'"),
        ("metric-delay=nan", "not 'nan'"),
        ("metric-gaps=80", "metric_gaps is a number of percent from 0 to 50, not '80'"),
        ("metric-gaps=nan", "metric_gaps is a number of percent from 0 to 50, not 'nan'"),
        ("extra-datapoints=1.5", "extra_datapoints is a whole number from 0 to 100, not '1.5'"),
        ("recovery-minutes=", "recovery_minutes is a whole number from 0 to 60, not ''"),
    ],
)
def test_an_unknown_switch_is_rejected_with_the_choices(pair: str, sentence: str) -> None:
    with pytest.raises(AssumptionError, match=sentence):
        Assumptions.parse([pair])
