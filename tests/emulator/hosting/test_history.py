"""What is remembered of the past, and that it stays bounded."""

import json
from typing import Any

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.hosting.history import (
    DOCUMENTS_KEPT,
    HOURS_KEPT,
    RESULT_BYTES_KEPT,
    Document,
    History,
    Point,
)
from tests.emulator.fakes import START

MINUTE_1 = int(START)


def ended(history: History, inference_id: str, **members: Any) -> None:
    document: dict[str, Any] = {
        "endpoint": "receipts",
        "instance": "i-01",
        "status": "Completed",
        "seconds": 0.2,
        "input_location": "s3://inputs/1.jpg",
        "output_location": "s3://outputs/1.out",
        "failure_location": None,
        "result": b"{}",
        "content_type": "application/json",
        "at": START,
    }
    history.add(Document(inference_id=inference_id, **{**document, **members}))


def sampled(history: History, at: float, **numbers: int) -> None:
    history.sample("receipts", at, **{"waiting": 0, "in_flight": 0, "instances": 0, "desired": 0, **numbers})


def test_a_minute_keeps_its_largest_backlog_and_its_last_instances() -> None:
    history = History()
    sampled(history, START, waiting=7, in_flight=1, instances=2, desired=2)
    sampled(history, START + 20, waiting=3, in_flight=4, instances=1, desired=1)
    sampled(history, START + MINUTE, waiting=1)
    assert history.series("receipts") == [Point(MINUTE_1, 7, 1, 1, 1), Point(MINUTE_1 + MINUTE, 1, 0, 0, 0)]
    assert history.series("other") == []


def test_a_series_begins_with_the_minute_that_is_asked_for() -> None:
    history = History()
    for minute in range(4):
        sampled(history, START + minute * MINUTE)
    assert [point.minute for point in history.series("receipts", since=START + 1.5 * MINUTE)] == [
        MINUTE_1 + minute * MINUTE for minute in (1, 2, 3)
    ]


def test_minutes_beyond_the_hours_that_are_kept_go() -> None:
    history = History()
    for minute in range(HOURS_KEPT * 60 + 5):
        sampled(history, START + minute * MINUTE)
    series = history.series("receipts")
    assert len(series) == HOURS_KEPT * 60
    assert series[0].minute == MINUTE_1 + 5 * MINUTE


def test_the_last_documents_of_each_endpoint_are_kept_the_newest_first() -> None:
    history = History()
    ended(history, "of another", endpoint="other")
    for number in range(DOCUMENTS_KEPT + 3):
        ended(history, f"id-{number}")
    documents = history.documents("receipts")
    assert [document.inference_id for document in documents] == [
        f"id-{number}" for number in reversed(range(3, DOCUMENTS_KEPT + 3))
    ]
    assert [document.inference_id for document in history.documents("other")] == ["of another"]


def test_documents_of_an_endpoint_that_had_the_name_before_are_left_out() -> None:
    history = History()
    ended(history, "of the one before", at=START)
    ended(history, "of this one", at=START + 60)
    assert [document.inference_id for document in history.documents("receipts", since=START + 30)] == ["of this one"]


def test_a_long_result_is_kept_as_its_beginning_and_its_size() -> None:
    history = History()
    ended(history, "long", result=b"a" * RESULT_BYTES_KEPT + b"b" * 10)
    (document,) = history.documents("receipts")
    assert document.result == b"a" * RESULT_BYTES_KEPT
    assert document.result_size == RESULT_BYTES_KEPT + 10


def test_a_document_is_found_by_its_number_while_it_is_kept() -> None:
    history = History()
    ended(history, "first")
    number = history.documents("receipts")[0].number
    found = history.find(number)
    assert found is not None
    assert found.inference_id == "first"
    for later in range(DOCUMENTS_KEPT):
        ended(history, f"id-{later}")
    assert history.find(number) is None


def test_a_forgotten_endpoint_leaves_nothing_and_others_stay() -> None:
    history = History()
    ended(history, "gone")
    ended(history, "stays", endpoint="other")
    sampled(history, START, waiting=1)
    gone, stays = history.documents("receipts")[0].number, history.documents("other")[0].number
    history.forget("receipts")
    history.forget("receipts")
    assert (history.series("receipts"), history.documents("receipts"), history.find(gone)) == ([], [], None)
    assert history.find(stays) is not None


def test_a_number_is_never_given_twice() -> None:
    """It is part of an address that browsers remember."""
    history = History()
    ended(history, "before")
    before = history.documents("receipts")[0].number
    history.forget("receipts")
    ended(history, "after")
    assert history.documents("receipts")[0].number > before


def test_the_instances_of_a_time_add_up_until_the_endpoint_is_deleted() -> None:
    history = History()
    sampled(history, START, instances=2)
    sampled(history, START + 10, instances=2)
    sampled(history, START + 25, instances=1)  # two until then
    sampled(history, START + 35, instances=0)
    sampled(history, START + 95, instances=0)
    assert history.instance_seconds("receipts") == 2 * 25 + 10
    assert history.instance_seconds("other") == 0
    history.forget("receipts")
    sampled(history, START + 100, instances=1)
    assert history.instance_seconds("receipts") == 0


def test_what_is_restored_is_what_was_kept_and_a_pause_costs_nothing() -> None:
    history = History()
    for number in range(DOCUMENTS_KEPT + 1):
        ended(history, f"id-{number}", result=b"\xff\x00" * RESULT_BYTES_KEPT, at=START + number)
    sampled(history, START, waiting=3, instances=1, desired=1)
    sampled(history, START + 30, instances=1)

    restored = History()
    restored.restore(json.loads(json.dumps(history.state())))

    assert restored.documents("receipts") == history.documents("receipts")
    assert restored.series("receipts") == history.series("receipts")
    sampled(restored, START + 3600, instances=1)
    sampled(restored, START + 3610, instances=1)
    assert restored.instance_seconds("receipts") == 30 + 10
    ended(restored, "next")
    assert len(restored.documents("receipts")) == DOCUMENTS_KEPT
    assert restored.documents("receipts")[0].number == DOCUMENTS_KEPT + 2
