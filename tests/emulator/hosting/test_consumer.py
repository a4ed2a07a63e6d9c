"""Consumers: every request that one takes gets one outcome or goes back to the queue."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.invocation import ContainerResponse
from async_endpoint.emulator.hosting.results import ResultWriter
from tests.emulator.fakes import LIMIT, OK, REGION, FakeInstance, eventually
from tests.emulator.hosting.bench import NOW, STAMP, Bench, raising, returning


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (507, "server")])
def test_an_error_of_the_model_is_final(bench: Bench, status: int, side: str) -> None:
    instance = returning(status)
    item = bench.put()
    bench.serve(instance)
    reason = (
        f"ClientError: Received {side} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )
    assert bench.around.error.take(1) == [
        {
            "awsRegion": REGION,
            "eventTime": NOW,
            "receivedTime": STAMP,
            "invocationStatus": "Failed",
            "inferenceId": item.request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            "failureReason": reason,
            "requestParameters": {"endpointName": "receipts", "inputLocation": item.request.input_location},
            "responseParameters": {"failureLocation": item.failure_location},
        }
    ]
    assert item.failure_location is not None
    assert bench.around.read(item.failure_location) == (b"out of memory", "text/plain")
    bench.settle()
    assert len(instance.requests) == 1
    assert bench.counts() == {"InvocationFailures": 1, f"Invocation{status // 100}XXErrors": 1}
    assert bench.around.success.pending() == []


def test_a_model_that_takes_too_long_makes_the_request_expire(bench: Bench) -> None:
    item = bench.put(invocation_timeout_seconds=7)
    instance = FakeInstance(raising(ContainerTimeout("no answer")))
    bench.serve(instance)
    (message,) = bench.around.error.take(1)
    assert message["invocationStatus"] == "Expired"
    assert message["failureReason"] == "ClientError: The model did not answer within 7 seconds."
    assert instance.requests[0].timeout == 7
    assert item.failure_location is not None
    assert bench.around.read(item.failure_location)[0] == message["failureReason"].encode()
    bench.settle()
    assert bench.counts() == {"ExpiredRequests": 1}


def test_a_defect_of_the_emulator_fails_the_request(bench: Bench) -> None:
    bench.put()
    bench.serve(FakeInstance(raising(LookupError("a bug"))))
    (message,) = bench.around.error.take(1)
    assert message["failureReason"].startswith("InternalServerError: The request could not be processed")
    bench.settle()
    assert bench.counts() == {"InvocationFailures": 1}


def test_a_request_whose_instance_is_stopped_goes_to_another(bench: Bench) -> None:
    first = FakeInstance()
    first.handler = first.hang
    bench.put()
    consumer = bench.serve(first)
    eventually(lambda: first.requests, "the first instance has the request")
    consumer.stop()
    first.stop()
    bench.join(consumer)
    assert bench.queue.backlog == 1
    second = FakeInstance()
    bench.serve(second)
    bench.around.success.take(1)
    bench.settle()
    assert len(second.requests) == 1
    assert bench.counts() == {"InvocationsProcessed": 1}


def test_a_stop_does_not_count_as_a_loss(bench: Bench) -> None:
    first = FakeInstance()
    first.handler = first.hang
    bench.put(losses=2)
    consumer = bench.serve(first)
    eventually(lambda: first.requests, "the instance has the request")
    consumer.stop()
    first.stop()
    bench.join(consumer)
    back = bench.queue.take(0)
    assert back is not None
    assert back.losses == 2


def test_a_consumer_gives_up_an_instance_that_no_longer_responds(bench: Bench) -> None:
    deaf = FakeInstance(raising(ContainerDied("connection refused")))
    deaf.healthy = False
    items = [bench.put() for _ in range(3)]
    consumer = bench.serve(deaf)
    eventually(lambda: consumer.lost, "the consumer finds the instance lost")
    bench.join(consumer)
    assert len(deaf.requests) == 1
    assert bench.queue.backlog == 3
    bench.serve(FakeInstance())
    received = {message["inferenceId"] for message in bench.around.success.take(3)}
    assert received == {item.request.inference_id for item in items}


def test_a_busy_instance_that_fails_its_health_checks_is_given_up_and_its_request_counts_a_loss(bench: Bench) -> None:
    stuck = FakeInstance()
    stuck.handler = stuck.hang
    bench.put()
    consumer = bench.serve(stuck, ping_seconds=0.01)
    eventually(lambda: stuck.requests, "a running request")
    assert not consumer.lost  # busy is well
    stuck.healthy = False
    eventually(lambda: consumer.lost, "the instance is given up")
    consumer.stop()  # as a fleet ends what is lost
    stuck.stop()
    bench.join(consumer)
    back = bench.queue.take(0)
    assert back is not None
    assert back.losses == 1


def test_an_instance_that_misses_a_health_check_now_and_then_is_kept(bench: Bench) -> None:
    class Moody(FakeInstance):
        asked = 0

        def ping(self) -> bool:
            self.asked += 1
            return self.asked % 3 == 0

    moody = Moody()
    consumer = bench.serve(moody, ping_seconds=0.001)
    eventually(lambda: moody.asked > 30, "many health checks")
    assert not consumer.lost


@pytest.mark.parametrize(
    ("handler", "end"),
    [
        (lambda _: ContainerResponse(500, "text/plain", b"Worker died."), "Failed"),
        (raising(ContainerTimeout("no answer")), "Expired"),
    ],
)
@pytest.mark.parametrize("healthy", [True, False])
def test_an_instance_that_fails_a_request_is_given_up_only_when_its_workers_are_dead(
    bench: Bench, handler: Callable[[bytes], ContainerResponse], end: str, *, healthy: bool
) -> None:
    instance = FakeInstance(handler)
    instance.healthy = healthy
    bench.put()
    consumer = bench.serve(instance)
    (message,) = bench.around.error.take(1)
    assert message["invocationStatus"] == end
    assert consumer.lost is not healthy


def test_a_broken_connection_is_retried_on_the_same_instance(bench: Bench) -> None:
    answers = iter([ContainerDied("connection reset")])

    def handler(_: bytes) -> ContainerResponse:
        for error in answers:
            raise error
        return OK

    instance = FakeInstance(handler)
    bench.put()
    consumer = bench.serve(instance)
    bench.around.success.take(1)
    assert len(instance.requests) == 2
    assert not consumer.lost


def test_a_request_that_loses_three_instances_fails(bench: Bench) -> None:
    item = bench.put()
    for _ in range(3):
        assert bench.around.error.pending() == []
        instance = FakeInstance()

        def crash(body: bytes, instance: FakeInstance = instance) -> ContainerResponse:
            instance.died.set()
            return instance.hang(body)

        instance.handler = crash
        bench.join(bench.serve(instance))
    (message,) = bench.around.error.take(1)
    assert message["inferenceId"] == item.request.inference_id
    assert message["failureReason"] == "InternalServerError: 3 instances broke down while they had the request."
    bench.settle()
    assert bench.counts() == {"InvocationFailures": 1}


def test_the_container_continues_while_a_result_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    completed = ResultWriter.completed

    def slowly(self: ResultWriter, *parts: Any, **named: Any) -> None:
        assert release.wait(LIMIT)
        completed(self, *parts, **named)

    monkeypatch.setattr(ResultWriter, "completed", slowly)
    bench.put()
    bench.put()
    instance = FakeInstance()
    bench.serve(instance)
    eventually(lambda: len(instance.requests) == 2, "the second request")
    assert bench.queue.in_flight == 2
    release.set()
    bench.settle()


def test_as_many_at_once_as_the_concurrency_allows(bench: Bench) -> None:
    inside, release, most = threading.Semaphore(0), threading.Event(), 2
    running: list[int] = []

    def handler(_: bytes) -> ContainerResponse:
        running.append(1)
        inside.release()
        assert release.wait(LIMIT)
        running.pop()
        return OK

    instance = FakeInstance(handler)
    for _ in range(5):
        bench.put(body=b"x")
    bench.serve(instance, concurrency=most)
    for _ in range(most):
        assert inside.acquire(timeout=LIMIT)
    assert not inside.acquire(timeout=0.3), "a third request was handed over"
    assert len(running) == most
    release.set()
    bench.settle()
    assert len(instance.requests) == 5
    assert bench.counts() == {"InvocationsProcessed": 5}
