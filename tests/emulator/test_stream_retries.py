"""What becomes of a batch of a stream whose delivery failed."""

import pytest

from async_endpoint.emulator.stream_retries import RetryRules, Step, Tries

RULES = RetryRules(batch_size=10, most_retries=2, oldest_seconds=3600, halves=True)
FRESH = Tries(10)


def step(
    tries: Tries = FRESH, *, length: int = 10, first_failed: int | None = 0, raised: bool = False, age: float = 0.0
) -> Step:
    return RULES.next_step(tries, length=length, first_failed=first_failed, raised=raised, age=age)


def test_a_batch_without_failures_is_done() -> None:
    assert step(Tries(3, 2), length=3, first_failed=None) == Step(3, None, FRESH)


def test_what_comes_before_the_first_failed_record_is_done() -> None:
    assert step(Tries(10, 2), first_failed=4) == Step(4, None, FRESH)


def test_a_batch_is_delivered_again_as_often_as_the_mapping_says_and_then_given_up() -> None:
    tries = FRESH
    for failures in (1, 2):
        found = step(tries)
        assert found == Step(0, None, Tries(10, failures))
        tries = found.tries
    assert step(tries) == Step(10, "RetryAttemptsExhausted", FRESH)


def test_a_batch_whose_function_raised_is_halved_which_is_no_retry() -> None:
    assert step(Tries(10, 1), length=9, raised=True) == Step(0, None, Tries(5, 1))
    assert step(Tries(1, 1), length=1, raised=True) == Step(0, None, Tries(1, 2))


def test_a_batch_with_an_old_record_is_given_up() -> None:
    assert step(age=3601) == Step(10, "MaxRecordAgeExceeded", FRESH)


@pytest.mark.parametrize("value", [None, -1])
def test_without_a_limit_it_goes_on(value: int | None) -> None:
    mapping = {"BatchSize": 5} | ({} if value is None else {"MaximumRetryAttempts": -1})
    rules = RetryRules.from_mapping(mapping)
    assert rules == RetryRules(batch_size=5, most_retries=None, oldest_seconds=None, halves=False)
    found = rules.next_step(Tries(5, 10_000), length=5, first_failed=0, raised=True, age=90_000)
    assert found == Step(0, None, Tries(5, 10_001))


def test_settings_may_be_texts_and_zero_is_a_limit() -> None:
    found = RetryRules.from_mapping(
        {
            "BatchSize": "7",
            "MaximumRetryAttempts": "0",
            "MaximumRecordAgeInSeconds": 60,
            "BisectBatchOnFunctionError": "true",
        }
    )
    assert found == RetryRules(batch_size=7, most_retries=0, oldest_seconds=60, halves=True)
    assert RetryRules.from_mapping({"MaximumRetryAttempts": 0}).most_retries == 0
