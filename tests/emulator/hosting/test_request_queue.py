"""RequestQueue: what is accepted comes out once, in order, and is counted all the while."""

import json
import threading

import pytest

from async_endpoint.emulator.hosting import request_queue
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import LIMIT

OUTPUT = OutputConfig("s3://answers", None, None, None)


def item(name: str, received_at: float = 0.0, ttl: int = 60) -> QueuedRequest:
    request = InvocationRequest(endpoint_name="e", body=b"x", inference_id=name, request_ttl_seconds=ttl)
    return QueuedRequest(request, f"s3://answers/{name}", None, received_at, received_at, OUTPUT)


def filled(*items: QueuedRequest) -> RequestQueue:
    queue = RequestQueue()
    for each in items:
        assert queue.put(each)
    return queue


def test_first_in_first_out() -> None:
    first, second = item("1"), item("2")
    queue = filled(first, second)
    assert [queue.take(0), queue.take(0), queue.take(0)] == [first, second, None]


def test_the_backlog_counts_what_waits_and_what_is_in_flight() -> None:
    queue = filled(item("1"), item("2"))
    queue.take(0)
    assert queue.backlog == 2
    queue.done()
    assert queue.backlog == 1


def test_a_request_put_back_comes_first_and_is_counted_once() -> None:
    first, second = item("1"), item("2")
    queue = filled(first, second)
    assert queue.take(0) is first
    queue.put_back(first)
    assert queue.backlog == 2
    assert queue.take(0) is first


def test_waiting_ends_with_the_request() -> None:
    queue, taken = RequestQueue(), list[QueuedRequest | None]()
    taker = threading.Thread(target=lambda: taken.append(queue.take(LIMIT)))
    taker.start()
    first = item("1")
    queue.put(first)
    taker.join(LIMIT / 2)
    assert taken == [first]


def test_requests_expire_when_older_than_their_ttl_and_only_while_they_wait() -> None:
    old, patient, young, working = item("1"), item("2", ttl=600), item("3", received_at=50), item("4")
    queue = filled(working, old, patient, young)
    assert queue.take(0) is working
    assert queue.take_expired(60.0) == []
    assert queue.take_expired(60.5) == [old]
    assert (queue.waiting, queue.in_flight) == (2, 2)  # in flight until its outcome is written
    queue.done()
    assert queue.backlog == 3
    assert [queue.take(0), queue.take(0)] == [patient, young]


def test_the_oldest_request_is_found_by_its_age_not_by_its_place() -> None:
    queue = filled(item("1", received_at=10), item("2", received_at=20))
    older, younger = queue.take(0), queue.take(0)
    assert older is not None
    assert younger is not None
    assert queue.oldest_received_at() is None
    queue.put_back(older)
    queue.put_back(younger)
    assert queue.oldest_received_at() == 10


def test_a_closed_queue_hands_over_what_waits_and_accepts_no_more() -> None:
    first = item("1")
    queue = filled(first)
    assert queue.close() == [first]
    assert not queue.put(item("2"))
    assert (queue.backlog, queue.take(0)) == (0, None)


def test_a_request_survives_as_json_with_everything_that_was_said_of_it() -> None:
    output = OutputConfig("s3://answers", "s3://failures", "arn:s", "arn:e", frozenset({"SUCCESS_NOTIFICATION_TOPIC"}))
    request = InvocationRequest(
        endpoint_name="e", body=b"\x00\xff", inference_id="1", content_type="a/b", invocation_timeout_seconds=7
    )
    kept = QueuedRequest(request, "s3://answers/1.out", "s3://failures/1-error.out", 3.5, 2.5, output, losses=2)
    assert QueuedRequest.from_json(json.loads(json.dumps(kept.as_json()))) == kept


def test_requests_of_an_earlier_life_come_first_and_in_their_order() -> None:
    queue = filled(item("new"))
    queue.restore([item("1"), item("2")])
    taken = [queue.take(0) for _ in range(3)]
    assert [each.request.inference_id for each in taken if each] == ["1", "2", "new"]


def test_the_head_is_looked_at_and_stays() -> None:
    queue = filled(item("1"), item("2"))
    assert queue.head() == queue.take(0)
    assert (queue.waiting, queue.in_flight) == (1, 1)
    assert RequestQueue().head() is None


def test_it_is_full_at_as_many_as_sagemaker_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_queue, "MOST_REQUESTS", 2)
    queue = filled(item("1"))
    assert not queue.is_full
    queue.put(item("2"))
    queue.take(0)
    assert queue.is_full
