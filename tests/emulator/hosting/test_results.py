"""What a request leaves in S3, SNS and CloudWatch: exactly one outcome."""

import base64
from typing import Any

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.protocol.notifications import parse_notification
from tests.emulator.fakes import OK, REGION, START, FakeInstance
from tests.emulator.hosting.bench import NOW, STAMP, WAITED, Bench, returning


def test_a_document_becomes_an_object_a_notification_and_a_count(bench: Bench) -> None:
    instance = FakeInstance()
    item = bench.put(content_type="image/png", accept="application/json", custom_attributes="page=1")
    bench.serve(instance)
    assert bench.around.success.take(1) == [
        {
            "awsRegion": REGION,
            "eventTime": NOW,
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
    assert bench.around.read(item.output_location) == (OK.body, "application/json")
    assert instance.requests == [
        Invocation(
            b"a receipt",
            timeout=900,
            content_type="image/png",
            accept="application/json",
            custom_attributes="page=1",
            inference_id=item.request.inference_id,
        )
    ]
    bench.settle()
    assert bench.counts() == {"InvocationsProcessed": 1}
    assert bench.around.error.pending() == []


def test_every_duration_is_measured_once_a_request(bench: Bench) -> None:
    bench.put()
    bench.serve(FakeInstance())
    bench.settle()
    variant = {("EndpointName", "receipts"), ("VariantName", "AllTraffic")}
    found = {
        key.name: bench.store.periods(key, "Sum", MINUTE, START, START + MINUTE)[int(START)]
        for key in bench.store.all_keys()
    }
    assert {key.dimensions for key in bench.store.all_keys()} == {frozenset(variant)}
    assert found.keys() == {
        "InvocationsProcessed", "TimeInBacklog", "TotalProcessingTime", "ModelLatency", "RequestDownloadLatency",
        "ResponseUploadLatency",
    }  # fmt: skip
    assert (found["TimeInBacklog"], found["TotalProcessingTime"]) == (WAITED * 1000, WAITED * 1000)


@pytest.mark.parametrize(
    "output",
    [
        {"NotificationConfig": {"IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]}},
        {"S3OutputPath": None},
    ],
    ids=["included on request", "the only way without an output path"],
)
def test_the_result_travels_in_the_notification(bench: Bench, output: dict[str, Any]) -> None:
    topics = {"SuccessTopic": bench.around.success.topic, **output.get("NotificationConfig", {})}
    bench.put(body=b"x", output={**output, "NotificationConfig": topics})
    bench.serve(FakeInstance())
    (message,) = bench.around.success.take(1)
    assert message["responseBody"] == {"content": base64.b64encode(OK.body).decode(), "encoding": "BASE64"}
    assert parse_notification(message).response_body == OK.body
    assert bool(bench.around.keys("results/")) is ("S3OutputPath" not in output)


def test_a_result_too_long_for_a_notification_is_left_out_of_it(bench: Bench) -> None:
    topics = {
        "SuccessTopic": bench.around.success.topic,
        "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
    }
    item = bench.put(body=b"x", output={"NotificationConfig": topics})
    bench.serve(returning(200, b"x" * (128 * 1024 + 1)))
    (message,) = bench.around.success.take(1)
    assert "responseBody" not in message
    assert len(bench.around.read(item.output_location)[0]) == 128 * 1024 + 1


def test_the_response_travels_in_a_failure_too_on_request(bench: Bench) -> None:
    topics = bench.around.output["NotificationConfig"]
    bench.put({"NotificationConfig": {**topics, "IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"]}})
    bench.serve(returning(500, b"no memory"))
    (message,) = bench.around.error.take(1)
    assert base64.b64decode(message["responseBody"]["content"]) == b"no memory"


def test_a_result_that_cannot_be_stored_is_one_failure(bench: Bench) -> None:
    bench.put(output={"S3OutputPath": "s3://no-such-bucket/results"})
    bench.serve(FakeInstance())
    (message,) = bench.around.error.take(1)
    assert message["failureReason"].startswith("ClientError: Failed to upload the inference response to s3://no-such")
    bench.settle()
    assert bench.counts() == {"InvocationFailures": 1, "ResponseUploadFailures": 1}
    assert bench.around.success.pending() == []


@pytest.mark.parametrize("path", ["s3://no-such-bucket/x", "s3://B"], ids=["no bucket", "no bucket's name"])
def test_a_failure_that_cannot_be_stored_is_notified_all_the_same(bench: Bench, path: str) -> None:
    bench.put(output={"S3FailurePath": path})
    bench.serve(returning(500))
    assert bench.around.error.take(1)[0]["invocationStatus"] == "Failed"
    bench.settle()
    assert bench.counts() == {"InvocationFailures": 1, "ResponseUploadFailures": 1, "Invocation5XXErrors": 1}


def test_missing_topics_are_counted_and_lose_no_result(bench: Bench) -> None:
    gone = {"SuccessTopic": f"arn:aws:sns:{REGION}:000000000000:gone"}
    item = bench.put(output={"NotificationConfig": gone})
    bench.serve(FakeInstance())
    bench.settle()
    assert bench.around.read(item.output_location)[0] == OK.body
    assert bench.counts() == {"InvocationsProcessed": 1, "NotificationFailures": 1}
