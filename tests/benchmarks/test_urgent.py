"""What `benchmarks urgent` computes from the model's records and the times of uploads."""

import pytest

from benchmarks.urgent import BATCH_SECONDS, Batch, Wait, batches_of, begun_before, done_before, throughput

BATCHES = [Batch(began=4.0 * number, ended=4.0 * number + 4, size=8) for number in range(5)]


def test_documents_of_one_batch_are_one_batch_in_the_order_of_time() -> None:
    records = [
        {"document": f"{began}/{n}", "began": began, "ended": began + 4, "size": 2} for began in (8, 0) for n in "ab"
    ]

    assert batches_of(records) == [Batch(0, 4, 2), Batch(8, 12, 2)]


def test_a_full_model_has_its_own_rate_wherever_the_span_begins() -> None:
    assert throughput(BATCHES, since=3, until=19) == pytest.approx(8 / 4)
    assert throughput(BATCHES, since=5, until=20) == pytest.approx(8 / 4)


def test_a_pause_and_a_batch_that_is_not_full_cost_throughput() -> None:
    late = [*BATCHES[:2], Batch(began=12, ended=16, size=4)]

    assert throughput(late, since=0, until=20) == pytest.approx(12 / 12)


def test_a_wait_counts_from_the_upload_to_the_beginning_of_its_own_batch() -> None:
    wait = Wait(uploaded=5.0, accepted=5.5, began=12.0)

    assert wait.batches == 7 / BATCH_SECONDS
    assert wait.intake_seconds == 0.5
    assert begun_before(BATCHES, wait) == 1  # that of 8; those of 4 and 12 are the one at work and its own


def test_only_others_that_were_done_before_a_moment_count() -> None:
    ends = {"inbox/1": 3.0, "inbox/2": 5.0, "inbox-urgent/1": 3.0}

    assert done_before(4.0, {key: {"ended": ended} for key, ended in ends.items()}) == 1
