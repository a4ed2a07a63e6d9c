"""Notifications have AWS's shapes when written, and are understood in every known variant when read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint import protocol
from async_endpoint.protocol import (
    NotificationError,
    NotificationKind,
    build_failure,
    build_success,
    parse_notification,
)

RECEIVED = datetime(2026, 1, 25, 22, 46, 0, 455_000, tzinfo=UTC)
SENT = datetime(2026, 1, 25, 22, 46, 0, 608_000, tzinfo=UTC)


def success(**members: str | bytes | datetime | None) -> dict[str, Any]:
    given: dict[str, Any] = {
        "inference_id": "id-1",
        "endpoint_name": "receipts",
        "input_location": "s3://bucket/in/a.png",
        "output_location": "s3://bucket/out/1.out",
        "region": "ap-northeast-1",
        "received_time": RECEIVED,
        "event_time": SENT,
        **members,
    }
    return build_success(**given)


def failure(**members: str | bytes | datetime | None) -> dict[str, Any]:
    given: dict[str, Any] = {
        "inference_id": "id-1",
        "endpoint_name": "receipts",
        "input_location": "s3://bucket/in/a.png",
        "failure_reason": "ClientError: Received server error (500) from model.",
        "region": "ap-northeast-1",
        "received_time": RECEIVED,
        "event_time": SENT,
        **members,
    }
    return build_failure(**given)


def enveloped(message: dict[str, Any]) -> str:
    """The body of an SQS message fed by SNS without raw delivery."""
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:…", "Message": json.dumps(message)})


TEXTS = st.text(min_size=1, max_size=40)
MOMENTS = st.datetimes(
    min_value=datetime.fromisoformat("2020-01-01"),  # hypothesis adds the time zone
    max_value=datetime.fromisoformat("2040-01-01"),
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))


@given(TEXTS, TEXTS, TEXTS, MOMENTS, MOMENTS, st.none() | st.binary(max_size=64))
def test_a_success_survives_its_envelope(  # one argument for each thing drawn
    inference_id: str, endpoint: str, output: str, received: datetime, sent: datetime, answer: bytes | None
) -> None:
    message = success(
        inference_id=inference_id,
        endpoint_name=endpoint,
        output_location=output,
        received_time=received,
        event_time=sent,
        response_body=answer,
    )

    read = parse_notification(enveloped(message))

    assert (read.kind, read.inference_id, read.endpoint_name) == ("success", inference_id, endpoint)
    assert (read.output_location, read.failure_location, read.failure_reason) == (output, None, None)
    assert (read.received_time, read.event_time) == (received, sent)
    assert read.response_body == answer
    assert read == parse_notification(message) == parse_notification(json.dumps(message))


@given(TEXTS, TEXTS, st.none() | TEXTS, st.sampled_from(["Failed", "Expired"]))
def test_a_failure_survives_its_envelope(inference_id: str, reason: str, location: str | None, status: str) -> None:
    message = failure(inference_id=inference_id, failure_reason=reason, failure_location=location, status=status)

    read = parse_notification(enveloped(message))

    assert (read.kind, read.inference_id) == ({"Failed": "failure", "Expired": "expired"}[status], inference_id)
    assert (read.failure_reason, read.failure_location, read.output_location) == (reason, location, None)


def test_a_success_has_the_shape_that_aws_sends() -> None:
    message = success(content_type="image/png", accept="*/*", response_content_type="application/json")

    assert message == {
        "awsRegion": "ap-northeast-1",
        "eventTime": "2026-01-25T22:46:00.608Z",
        "receivedTime": "2026-01-25T22:46:00.455Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "*/*",
            "contentType": "image/png",
            "endpointName": "receipts",
            "inputLocation": "s3://bucket/in/a.png",
        },
        "responseParameters": {"contentType": "application/json", "outputLocation": "s3://bucket/out/1.out"},
        "inferenceId": "id-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_an_included_answer_is_base64() -> None:
    assert success(response_body=b"{}")["responseBody"] == {"content": "e30=", "encoding": "BASE64"}


def test_a_failure_has_the_shape_that_aws_sends() -> None:
    assert failure() == {
        "awsRegion": "ap-northeast-1",
        "eventTime": "2026-01-25T22:46:00.608Z",
        "receivedTime": "2026-01-25T22:46:00.455Z",
        "invocationStatus": "Failed",
        "failureReason": "ClientError: Received server error (500) from model.",
        "requestParameters": {"endpointName": "receipts", "inputLocation": "s3://bucket/in/a.png"},
        "inferenceId": "id-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_times_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert success(event_time=SENT.astimezone(tokyo))["eventTime"] == "2026-01-25T22:46:00.608Z"


def test_the_test_message_is_known_for_what_it_is() -> None:
    message = protocol.test_notification()

    assert message == {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}
    assert parse_notification(enveloped(message)).kind == "test"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("Completed", "success"),
        ("COMPLETED", "success"),
        ("Failed", "failure"),
        ("Expired", "expired"),
        ("Cancelled", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_unheard_of_status_is_unknown_and_no_error(status: object, kind: NotificationKind) -> None:
    assert parse_notification({"invocationStatus": status, "inferenceId": "id-1"}).kind == kind


def test_the_failure_location_is_found_in_either_place() -> None:
    inside = failure() | {"responseParameters": {"failureLocation": "s3://bucket/fail/1"}}
    above = failure() | {"failureLocation": "s3://bucket/fail/1"}

    assert (
        parse_notification(inside).failure_location
        == parse_notification(above).failure_location
        == "s3://bucket/fail/1"
    )


def test_a_second_envelope_is_taken_off_too() -> None:
    assert (
        parse_notification(enveloped({"Type": "Notification", "Message": json.dumps(success())})).inference_id == "id-1"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"content": "e30=", "encoding": "BASE64"}, b"{}"),
        ({"content": '{"total": "日"}', "encoding": "JSON"}, '{"total": "日"}'.encode()),
        ({"content": "not base64!", "encoding": "BASE64"}, None),
        ({"encoding": "BASE64"}, None),
        ("text", None),
    ],
)
def test_an_included_answer_is_decoded_by_its_encoding(body: object, expected: bytes | None) -> None:
    assert parse_notification(success() | {"responseBody": body}).response_body == expected


def test_what_cannot_be_read_in_part_does_not_hide_the_rest() -> None:
    read = parse_notification(success() | {"eventTime": "yesterday", "requestParameters": None})

    assert (read.kind, read.inference_id, read.event_time, read.endpoint_name) == ("success", "id-1", None, None)
    assert read.raw["eventTime"] == "yesterday"


@pytest.mark.parametrize("message", ["", "plain text", "[]", "null", "[" * 100_000])
def test_what_is_not_an_object_is_rejected_with_a_sentence(message: str) -> None:
    with pytest.raises(NotificationError, match="A notification is"):
        parse_notification(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["invocationStatus", "inferenceId", "requestParameters", "responseParameters", "responseBody", "eventTime"]


@given(st.dictionaries(st.sampled_from([*FIELDS, "Type", "eventName"]), JSON))
def test_any_object_is_read_without_an_error(message: dict[str, Any]) -> None:
    assert parse_notification(message).raw == message
