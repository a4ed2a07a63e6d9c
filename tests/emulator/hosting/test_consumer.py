"""Consumer and results on a running S3, SNS and SQS: every request taken ends in exactly one recorded outcome."""

import base64
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.model_container import Answer
from async_endpoint.emulator.hosting import payloads as inputs
from async_endpoint.emulator.hosting.consumer import InstanceConsumer
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.payloads import PayloadReader
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.results import ResultWriter
from async_endpoint.emulator.server.metric_publisher import SharedMetricStore
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.notifications import parse_notification
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import LIMIT, OK, REGION, START, FakeInstance, endpoint_config, eventually, within_limit

WAITED = 2.5  # seconds that every request here has been in the queue
STAMP = datetime.fromtimestamp(START, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
LATER = datetime.fromtimestamp(START + WAITED, UTC).strftime("%Y-%m-%dT%H:%M:%S.500Z")


@dataclass
class Desk:
    """A queue with its consumers, and all that they write to."""

    around: Destinations
    clients: AwsClients
    queue: RequestQueue = field(default_factory=RequestQueue)
    store: SharedMetricStore = field(default_factory=SharedMetricStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    consumers: list[tuple[InstanceConsumer, FakeInstance]] = field(default_factory=list)

    def put(self, output: dict[str, Any] | None = None, losses: int = 0, **members: Any) -> QueuedRequest:
        given: dict[str, Any] = {"endpoint_name": "receipts", "inference_id": uuid.uuid4().hex, **members}
        if "body" not in given:
            given.setdefault("input_location", self.around.upload(b"a receipt"))
        request = InvocationRequest(**given)
        config = OutputConfig.of(endpoint_config("c", "m", output={**self.around.output, **(output or {})}))
        item = QueuedRequest(request, *config.locations(request), self.clock.now(), config, losses)
        self.queue.put(item)
        return item

    def man(self, instance: FakeInstance, concurrency: int = 1, ping_seconds: float = 5.0) -> InstanceConsumer:
        self.clock.advance(START + WAITED - self.clock.now())
        instance.start()
        metrics = EndpointMetrics("receipts", "AllTraffic", self.store, self.clock)
        consumer = InstanceConsumer(
            self.queue,
            instance,
            concurrency=concurrency,
            inputs=PayloadReader(self.queue, self.clients, metrics),
            results=ResultWriter("receipts", self.clients, metrics, self.clock),
            metrics=metrics,
            ping_seconds=ping_seconds,
        )
        self.consumers.append((consumer, instance))
        return consumer

    @staticmethod
    def join(consumer: InstanceConsumer) -> None:
        """Return when a consumer whose container is gone holds no request any more."""
        within_limit(consumer.join, "the end of a consumer")

    def settle(self) -> None:
        """Return when every request has its outcome."""
        eventually(lambda: self.queue.backlog == 0, "an outcome of every request")

    def counts(self) -> dict[str, float]:
        """The sums of the metrics that count events."""
        sums = {key.name: sum(self.store.periods(key, "Sum", MINUTE, START, START + 3600).values())
                for key in self.store.all_keys()}  # fmt: skip
        return {name: value for name, value in sums.items() if not name.endswith(("Latency", "Time", "TimeInBacklog"))}


@pytest.fixture
def desk(around: Destinations, clients: AwsClients) -> Iterator[Desk]:
    desk = Desk(around, clients)
    yield desk
    for consumer, instance in desk.consumers:
        consumer.stop()
        instance.stop()
        desk.join(consumer)


def answering(status: int, body: bytes = b"out of memory", content_type: str = "text/plain") -> FakeInstance:
    return FakeInstance(lambda _: Answer(status, content_type, body))


def raising(error: Exception) -> Callable[[bytes], Answer]:
    def handler(_: bytes) -> Answer:
        raise error

    return handler


def test_a_document_becomes_an_object_a_notification_and_a_count(desk: Desk) -> None:
    instance = FakeInstance()
    item = desk.put(content_type="image/png", accept="application/json", custom_attributes="page=1")
    desk.man(instance)
    assert desk.around.success.take(1) == [
        {
            "awsRegion": REGION,
            "eventTime": LATER,
            "receivedTime": STAMP,
            "invocationStatus": "Completed",
            "inferenceId": item.request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            "requestParameters": {
                "accept": "application/json",
                "contentType": "image/png",
                "customAttributes": "page=1",
                "endpointName": "receipts",
                "inputLocation": item.request.input_location,
            },
            "responseParameters": {"contentType": "application/json", "outputLocation": item.output_location},
        }
    ]
    assert desk.around.read(item.output_location) == (OK.body, "application/json")
    assert instance.requests == [
        {
            "body": b"a receipt",
            "content_type": "image/png",
            "accept": "application/json",
            "custom_attributes": "page=1",
            "inference_id": item.request.inference_id,
            "timeout": 900,
        }
    ]
    desk.settle()
    assert desk.counts() == {"InvocationsProcessed": 1}
    assert desk.around.error.pending() == []


def test_every_duration_is_measured_once_a_request(desk: Desk) -> None:
    desk.put()
    desk.man(FakeInstance())
    desk.settle()
    variant = {("EndpointName", "receipts"), ("VariantName", "AllTraffic")}
    found = {
        key.name: desk.store.periods(key, "Sum", MINUTE, START, START + MINUTE)[int(START)]
        for key in desk.store.all_keys()
    }
    assert {key.dimensions for key in desk.store.all_keys()} == {frozenset(variant)}
    assert found.keys() == {
        "InvocationsProcessed", "TimeInBacklog", "TotalProcessingTime", "ModelLatency", "RequestDownloadLatency",
        "ResponseUploadLatency",
    }  # fmt: skip
    assert (found["TimeInBacklog"], found["TotalProcessingTime"]) == (WAITED * 1000, WAITED * 1000)


@pytest.mark.parametrize(("given", "seen"), [(None, "image/webp"), ("image/png", "image/png")])
def test_a_request_without_a_media_type_is_of_the_objects(desk: Desk, given: str | None, seen: str) -> None:
    location = desk.around.upload(b"a receipt", "image/webp")
    instance = FakeInstance()
    desk.put(input_location=location, content_type=given)
    desk.man(instance)
    desk.settle()
    assert [request["content_type"] for request in instance.requests] == [seen]


def test_an_inline_body_needs_no_object(desk: Desk) -> None:
    instance = FakeInstance()
    desk.put(body=b"inline")
    desk.man(instance)
    (message,) = desk.around.success.take(1)
    assert instance.requests[0]["body"] == b"inline"
    assert message["requestParameters"] == {"endpointName": "receipts"}


@pytest.mark.parametrize(
    "output",
    [
        {"NotificationConfig": {"IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]}},
        {"S3OutputPath": None},
    ],
    ids=["included on request", "the only way without an output path"],
)
def test_the_answer_travels_in_the_notification(desk: Desk, output: dict[str, Any]) -> None:
    topics = {"SuccessTopic": desk.around.success.topic, **output.get("NotificationConfig", {})}
    desk.put(body=b"x", output={**output, "NotificationConfig": topics})
    desk.man(FakeInstance())
    (message,) = desk.around.success.take(1)
    assert message["responseBody"] == {"content": base64.b64encode(OK.body).decode(), "encoding": "BASE64"}
    assert parse_notification(message).response_body == OK.body
    assert bool(desk.around.keys("results/")) is ("S3OutputPath" not in output)


def test_an_answer_too_long_for_a_notification_is_left_out_of_it(desk: Desk) -> None:
    topics = {
        "SuccessTopic": desk.around.success.topic,
        "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
    }
    item = desk.put(body=b"x", output={"NotificationConfig": topics})
    desk.man(answering(200, b"x" * (128 * 1024 + 1)))
    (message,) = desk.around.success.take(1)
    assert "responseBody" not in message
    assert len(desk.around.read(item.output_location)[0]) == 128 * 1024 + 1


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (507, "server")])
def test_an_error_of_the_model_is_final(desk: Desk, status: int, side: str) -> None:
    instance = answering(status)
    item = desk.put()
    desk.man(instance)
    reason = (
        f"ClientError: Received {side} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )
    assert desk.around.error.take(1) == [
        {
            "awsRegion": REGION,
            "eventTime": LATER,
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
    assert desk.around.read(item.failure_location) == (b"out of memory", "text/plain")
    desk.settle()
    assert len(instance.requests) == 1
    assert desk.counts() == {"InvocationFailures": 1, f"Invocation{status // 100}XXErrors": 1}
    assert desk.around.success.pending() == []


def test_a_model_that_takes_too_long_makes_the_request_expire(desk: Desk) -> None:
    item = desk.put(invocation_timeout_seconds=7)
    instance = FakeInstance(raising(ContainerTimeout("no answer")))
    desk.man(instance)
    (message,) = desk.around.error.take(1)
    assert message["invocationStatus"] == "Expired"
    assert message["failureReason"] == "ClientError: The model did not answer within 7 seconds."
    assert instance.requests[0]["timeout"] == 7
    assert item.failure_location is not None
    assert desk.around.read(item.failure_location)[0] == message["failureReason"].encode()
    desk.settle()
    assert desk.counts() == {"ExpiredRequests": 1}


def test_a_document_that_is_not_there_fails_without_asking_the_model(desk: Desk) -> None:
    instance = FakeInstance()
    location = f"s3://{desk.around.bucket}/missing.png"
    desk.put(input_location=location)
    desk.man(instance)
    (message,) = desk.around.error.take(1)
    assert message["failureReason"].startswith(f"ClientError: Failed to download the request from {location}: ")
    desk.settle()
    assert instance.requests == []
    assert desk.counts() == {"InvocationFailures": 1, "RequestDownloadFailures": 1}


def test_an_answer_that_cannot_be_stored_is_a_failure_told_once(desk: Desk) -> None:
    desk.put(output={"S3OutputPath": "s3://no-such-bucket/results"})
    desk.man(FakeInstance())
    (message,) = desk.around.error.take(1)
    assert message["failureReason"].startswith("ClientError: Failed to upload the inference response to s3://no-such")
    desk.settle()
    assert desk.counts() == {"InvocationFailures": 1, "ResponseUploadFailures": 1}
    assert desk.around.success.pending() == []


@pytest.mark.parametrize("path", ["s3://no-such-bucket/x", "s3://B"], ids=["no bucket", "no bucket's name"])
def test_a_failure_that_cannot_be_stored_is_told_all_the_same(desk: Desk, path: str) -> None:
    desk.put(output={"S3FailurePath": path})
    desk.man(answering(500))
    assert desk.around.error.take(1)[0]["invocationStatus"] == "Failed"
    desk.settle()
    assert desk.counts() == {"InvocationFailures": 1, "ResponseUploadFailures": 1, "Invocation5XXErrors": 1}


def test_topics_that_are_gone_are_counted_and_lose_no_answer(desk: Desk) -> None:
    gone = {"SuccessTopic": f"arn:aws:sns:{REGION}:000000000000:gone"}
    item = desk.put(output={"NotificationConfig": gone})
    desk.man(FakeInstance())
    desk.settle()
    assert desk.around.read(item.output_location)[0] == OK.body
    assert desk.counts() == {"InvocationsProcessed": 1, "NotificationFailures": 1}


def test_a_fault_of_the_emulators_own_ends_the_request_too(desk: Desk) -> None:
    desk.put()
    desk.man(FakeInstance(raising(LookupError("a bug"))))
    (message,) = desk.around.error.take(1)
    assert message["failureReason"].startswith("InternalServerError: The request could not be processed")
    desk.settle()
    assert desk.counts() == {"InvocationFailures": 1}


def test_a_request_whose_instance_is_stopped_goes_to_another(desk: Desk) -> None:
    first = FakeInstance()
    first.handler = first.hang
    desk.put()
    consumer = desk.man(first)
    eventually(lambda: first.requests, "the first instance has the request")
    consumer.stop()
    first.stop()
    desk.join(consumer)
    assert desk.queue.backlog == 1
    second = FakeInstance()
    desk.man(second)
    desk.around.success.take(1)
    desk.settle()
    assert len(second.requests) == 1
    assert desk.counts() == {"InvocationsProcessed": 1}


def test_being_stopped_is_not_held_against_a_request(desk: Desk) -> None:
    first = FakeInstance()
    first.handler = first.hang
    desk.put(losses=2)
    consumer = desk.man(first)
    eventually(lambda: first.requests, "the instance has the request")
    consumer.stop()
    first.stop()
    desk.join(consumer)
    back = desk.queue.take(0)
    assert back is not None
    assert back.losses == 2


def test_a_consumer_gives_up_an_instance_that_answers_no_more(desk: Desk) -> None:
    deaf = FakeInstance(raising(ContainerDied("connection refused")))
    deaf.healthy = False
    items = [desk.put() for _ in range(3)]
    consumer = desk.man(deaf)
    eventually(lambda: consumer.lost, "the consumer finds the instance lost")
    desk.join(consumer)
    assert len(deaf.requests) == 1
    assert desk.queue.backlog == 3
    desk.man(FakeInstance())
    told = {message["inferenceId"] for message in desk.around.success.take(3)}
    assert told == {item.request.inference_id for item in items}


def test_a_busy_instance_that_answers_no_health_check_is_given_up_and_its_request_counts_a_loss(desk: Desk) -> None:
    stuck = FakeInstance()
    stuck.handler = stuck.hang
    desk.put()
    consumer = desk.man(stuck, ping_seconds=0.01)
    eventually(lambda: stuck.requests, "a running request")
    assert not consumer.lost  # busy is well
    stuck.healthy = False
    eventually(lambda: consumer.lost, "the instance is given up")
    consumer.stop()  # as a fleet ends what is lost
    stuck.stop()
    desk.join(consumer)
    back = desk.queue.take(0)
    assert back is not None
    assert back.losses == 1


def test_an_instance_that_misses_a_health_check_now_and_then_is_kept(desk: Desk) -> None:
    class Moody(FakeInstance):
        asked = 0

        def ping(self) -> bool:
            self.asked += 1
            return self.asked % 3 == 0

    moody = Moody()
    consumer = desk.man(moody, ping_seconds=0.001)
    eventually(lambda: moody.asked > 30, "many health checks")
    assert not consumer.lost


@pytest.mark.parametrize(
    ("handler", "end"),
    [
        (lambda _: Answer(500, "text/plain", b"Worker died."), "Failed"),
        (raising(ContainerTimeout("no answer")), "Expired"),
    ],
)
@pytest.mark.parametrize("healthy", [True, False])
def test_an_instance_that_fails_a_request_is_given_up_only_when_its_workers_are_dead(
    desk: Desk, handler: Callable[[bytes], Answer], end: str, *, healthy: bool
) -> None:
    instance = FakeInstance(handler)
    instance.healthy = healthy
    desk.put()
    consumer = desk.man(instance)
    (message,) = desk.around.error.take(1)
    assert message["invocationStatus"] == end
    assert consumer.lost is not healthy


def test_a_connection_that_broke_once_is_tried_again_on_the_same_instance(desk: Desk) -> None:
    answers = iter([ContainerDied("connection reset")])

    def handler(_: bytes) -> Answer:
        for error in answers:
            raise error
        return OK

    instance = FakeInstance(handler)
    desk.put()
    consumer = desk.man(instance)
    desk.around.success.take(1)
    assert len(instance.requests) == 2
    assert not consumer.lost


def test_a_request_that_breaks_three_instances_down_is_to_blame(desk: Desk) -> None:
    item = desk.put()
    for _ in range(3):
        assert desk.around.error.pending() == []
        instance = FakeInstance()

        def crash(body: bytes, instance: FakeInstance = instance) -> Answer:
            instance.died.set()
            return instance.hang(body)

        instance.handler = crash
        desk.join(desk.man(instance))
    (message,) = desk.around.error.take(1)
    assert message["inferenceId"] == item.request.inference_id
    assert message["failureReason"] == "InternalServerError: 3 instances broke down while they had the request."
    desk.settle()
    assert desk.counts() == {"InvocationFailures": 1}


def test_the_next_document_is_fetched_while_the_container_works(desk: Desk) -> None:
    release = threading.Event()

    def handler(_: bytes) -> Answer:
        assert release.wait(LIMIT)
        return OK

    desk.put()
    second = desk.put()
    instance = FakeInstance(handler)
    consumer = desk.man(instance)
    eventually(lambda: consumer._inputs._ahead, "the next document")
    location = second.request.input_location or ""
    desk.clients.s3.delete_object(Bucket=desk.around.bucket, Key=location.removeprefix(f"s3://{desk.around.bucket}/"))
    release.set()
    desk.settle()
    assert [request["body"] for request in instance.requests] == [b"a receipt", b"a receipt"]
    assert desk.counts()["InvocationsProcessed"] == 2


def test_the_container_works_on_while_an_answer_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    completed = ResultWriter.completed

    def slowly(self: ResultWriter, *parts: Any, **named: Any) -> None:
        assert release.wait(LIMIT)
        completed(self, *parts, **named)

    monkeypatch.setattr(ResultWriter, "completed", slowly)
    desk.put()
    desk.put()
    instance = FakeInstance()
    desk.man(instance)
    eventually(lambda: len(instance.requests) == 2, "the second request")
    assert desk.queue.in_flight == 2
    release.set()
    desk.settle()


def test_a_payload_may_not_have_more_than_a_gigabyte(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAXIMUM_PAYLOAD_BYTES", 8)
    desk.put()
    instance = FakeInstance()
    desk.man(instance)
    (message,) = desk.around.error.take(1)
    assert "has 9 bytes, more than the 8 that a payload may have" in message["failureReason"]
    assert instance.requests == []


def test_the_response_travels_in_a_failure_too_where_it_is_asked_for(desk: Desk) -> None:
    topics = desk.around.output["NotificationConfig"]
    desk.put({"NotificationConfig": {**topics, "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"]}})
    desk.man(answering(500, b"no memory"))
    (message,) = desk.around.error.take(1)
    assert base64.b64decode(message["responseBody"]["content"]) == b"no memory"


def test_as_many_at_once_as_the_concurrency_allows(desk: Desk) -> None:
    inside, release, most = threading.Semaphore(0), threading.Event(), 2
    running: list[int] = []

    def handler(_: bytes) -> Answer:
        running.append(1)
        inside.release()
        assert release.wait(LIMIT)
        running.pop()
        return OK

    instance = FakeInstance(handler)
    for _ in range(5):
        desk.put(body=b"x")
    desk.man(instance, concurrency=most)
    for _ in range(most):
        assert inside.acquire(timeout=LIMIT)
    assert not inside.acquire(timeout=0.3), "a third request was handed over"
    assert len(running) == most
    release.set()
    desk.settle()
    assert len(instance.requests) == 5
    assert desk.counts() == {"InvocationsProcessed": 5}
