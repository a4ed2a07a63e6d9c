"""The rules of InvokeEndpointAsync hold at their edges, and boto3's own requests are read back as they were meant."""

from typing import Any

import botocore.serialize
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import InvocationError, InvocationRequest

INPUT = "s3://bucket/in/receipt.png"
OPERATION = botocore.session.Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpointAsync")


def request(**members: str | bytes | int | None) -> InvocationRequest:
    given: dict[str, Any] = {"endpoint_name": "receipts", "input_location": INPUT, **members}
    return InvocationRequest(**given)


def on_the_wire(members: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers, in lower case as a server sees them, and the body that botocore would send."""
    serializer = botocore.serialize.create_serializer("rest-json")
    sent = serializer.serialize_to_request(members, OPERATION)
    return {name.lower(): str(value) for name, value in sent["headers"].items()}, sent["body"] or b""


PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
HEADER_TEXT = st.text(PRINTABLE, min_size=1, max_size=64)
REQUESTS = st.builds(
    InvocationRequest,
    endpoint_name=st.just("receipts"),
    input_location=st.just(INPUT),
    content_type=st.none() | HEADER_TEXT,
    accept=st.none() | HEADER_TEXT,
    custom_attributes=st.none() | HEADER_TEXT,
    inference_id=st.none() | st.from_regex(r"[!-~][ -~]{0,63}", fullmatch=True),
    request_ttl_seconds=st.integers(60, 21600),
    invocation_timeout_seconds=st.integers(1, 3600),
    s3_output_path_extension=st.none() | st.from_regex(r"[a-zA-Z0-9!_.*'()/-]{1,20}", fullmatch=True),
    filename=st.none() | st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}(\.[a-z]{1,3})?", fullmatch=True),
)


@given(REQUESTS)
def test_what_boto3_sends_is_read_back(sent: InvocationRequest) -> None:
    headers, body = on_the_wire(sent.members())

    assert InvocationRequest.from_http("receipts", headers, body) == sent


def test_an_inline_document_is_read_back() -> None:
    sent = InvocationRequest(endpoint_name="receipts", body=b"\x89PNG")
    headers, body = on_the_wire(sent.members())

    assert InvocationRequest.from_http("receipts", headers, body) == sent


def test_absent_settings_take_the_defaults_of_the_api() -> None:
    read = InvocationRequest.from_http("receipts", {"x-amzn-sagemaker-inputlocation": INPUT}, b"")

    assert (read.request_ttl_seconds, read.invocation_timeout_seconds) == (21600, 900)
    assert (read.body, read.inference_id) == (None, None)


def test_every_member_is_one_that_botocore_knows() -> None:
    full = request(
        content_type="image/png",
        accept="application/json",
        custom_attributes="a=b",
        inference_id="1",
        s3_output_path_extension="x/",
        filename="a.json",
    )

    shape = OPERATION.input_shape

    assert shape is not None
    assert set(full.members()) | {"Body"} == set(shape.members)


def test_a_broken_number_is_rejected_in_the_words_of_aws() -> None:
    headers = {"x-amzn-sagemaker-inputlocation": INPUT, "x-amzn-sagemaker-requestttlseconds": "30"}

    with pytest.raises(InvocationError) as rejected:
        InvocationRequest.from_http("receipts", headers, b"")

    assert str(rejected.value) == (
        "1 validation error detected: Value '30' at 'requestTTLSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 60"
    )


def test_all_broken_rules_are_named_at_once() -> None:
    with pytest.raises(InvocationError, match=r"^2 validation errors detected: .*'inferenceId'.*; .*TTL"):
        request(inference_id=" leading space", request_ttl_seconds=59)


@pytest.mark.parametrize(
    "members",
    [
        {"request_ttl_seconds": 60},
        {"request_ttl_seconds": 21600},
        {"invocation_timeout_seconds": 1},
        {"invocation_timeout_seconds": 3600},
        {"inference_id": "i" * 64},
        {"custom_attributes": "a" * 1024},
        {"filename": "f" * 28 + ".txt"},
        {"s3_output_path_extension": "e" * 512},
        {"input_location": "s3://b/" + "k" * 1017},
        {"input_location": None, "body": b"x" * 128_000},
        {"endpoint_name": "e" * 63},
    ],
    ids=str,
)
def test_the_edge_itself_is_allowed(members: dict[str, Any]) -> None:
    assert request(**members).members()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"request_ttl_seconds": 59}, "'requestTTLSeconds'.*greater than or equal to 60$"),
        ({"request_ttl_seconds": 21601}, "'requestTTLSeconds'.*less than or equal to 21600$"),
        ({"invocation_timeout_seconds": 0}, "'invocationTimeoutSeconds'.*greater than or equal to 1$"),
        ({"invocation_timeout_seconds": 3601}, "'invocationTimeoutSeconds'.*less than or equal to 3600$"),
        ({"inference_id": ""}, "'inferenceId'.*length greater than or equal to 1$"),
        ({"inference_id": "i" * 65}, "'inferenceId'.*length less than or equal to 64$"),
        ({"inference_id": " i"}, r"'inferenceId'.*pattern: \\A\\S\[\\p\{Print\}\]\*\\z$"),
        ({"inference_id": "über"}, "'inferenceId'.*regular expression"),
        ({"inference_id": "two\nlines"}, "'inferenceId'.*regular expression"),
        ({"custom_attributes": "a" * 1025}, "Value at 'customAttributes'.*length less than or equal to 1024$"),
        ({"custom_attributes": "日付"}, "'customAttributes'.*regular expression"),
        ({"filename": "f" * 33}, "'filename'.*length less than or equal to 32$"),
        ({"filename": "a.b.c"}, "'filename'.*regular expression"),
        ({"s3_output_path_extension": "e" * 513}, "'s3OutputPathExtension'.*length less than or equal to 512$"),
        ({"s3_output_path_extension": "s3://other"}, "'s3OutputPathExtension'.*regular expression"),
        ({"input_location": "ftp://b/k"}, "'inputLocation'.*regular expression"),
        ({"input_location": "s3://b/" + "k" * 1018}, "'inputLocation'.*length less than or equal to 1024$"),
        ({"endpoint_name": "under_score"}, "'endpointName'.*regular expression"),
        ({"input_location": None}, "Exactly one of InputLocation and Body"),
        ({"body": b"x"}, "Exactly one of InputLocation and Body"),
        ({"input_location": None, "body": b"x" * 128_001}, "Value at 'body'.*less than or equal to 128000$"),
    ],
    ids=str,
)
def test_one_step_past_the_edge_is_rejected(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvocationError, match=reason):
        request(**members)


@pytest.mark.parametrize("text", ["soon", "1.5", "", "٣٠", "9" * 30])
def test_a_number_that_is_none_is_rejected(text: str) -> None:
    headers = {"x-amzn-sagemaker-inputlocation": INPUT, "x-amzn-sagemaker-invocationtimeoutseconds": text}

    with pytest.raises(InvocationError, match="is not a whole number of seconds"):
        InvocationRequest.from_http("receipts", headers, b"")
