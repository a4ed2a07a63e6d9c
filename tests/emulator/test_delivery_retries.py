"""When EventBridge tries an API destination again."""

import pytest

from async_endpoint.emulator.delivery_retries import RetryPolicy, is_accepted, is_retried


@pytest.mark.parametrize(
    ("status", "accepted", "retried"),
    [
        (200, True, False),
        (204, True, False),
        (302, False, False),
        (400, False, False),
        (401, False, True),
        (403, False, False),
        (404, False, False),
        (407, False, True),
        (409, False, True),
        (410, False, False),
        (429, False, True),
        (500, False, True),
        (503, False, True),
    ],
)
def test_a_status_is_accepted_retried_or_final(status: int, *, accepted: bool, retried: bool) -> None:
    assert (is_accepted(status), is_retried(status)) == (accepted, retried)


def test_no_response_is_retried() -> None:
    assert is_retried(None)


def test_delays_grow_and_end_with_the_number_of_retries() -> None:
    policy = RetryPolicy.from_target({"RetryPolicy": {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 86_400}})
    delays = [policy.delay(failures=failures, age=0) for failures in range(1, 10)]
    assert delays == [15, 30, 60, 120, 240, 480, 600, 600, None]


def test_an_event_that_would_be_too_old_is_given_up() -> None:
    policy = RetryPolicy.from_target({"RetryPolicy": {"MaximumEventAgeInSeconds": 60}})
    assert (policy.delay(failures=1, age=45), policy.delay(failures=1, age=46)) == (15, None)


def test_no_retry_is_none_and_no_policy_is_a_day() -> None:
    assert RetryPolicy.from_target({"RetryPolicy": {"MaximumRetryAttempts": 0}}).delay(failures=1, age=0) is None
    assert RetryPolicy.from_target({}) == RetryPolicy(most_retries=185, oldest_seconds=86_400)
