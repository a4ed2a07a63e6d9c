"""Which failures another attempt may cure, and what the model said about one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import failure_sentence, is_transient

MODEL = "ClientError: Received {} error ({}) from model. See the SageMaker Endpoint logs in your account."


@pytest.mark.parametrize(
    ("reason", "transient"),
    [
        (MODEL.format("server", 500), True),
        (MODEL.format("server", 503), True),
        (MODEL.format("client", 429), True),
        (MODEL.format("client", 400), False),
        (MODEL.format("client", 413), False),
        ("InternalServerError: 3 instances broke down while they had the request.", True),
        ("ClientError: Failed to upload the inference response to s3://out/1.out.", True),
        ("ClientError: The object s3://in/a does not exist.", False),
        ("ClientError: NoSuchKey", False),
        ("ClientError: The request expired after 60 seconds in the queue.", False),
        ("InternalServerError: ExpiredToken: The provided token has expired", True),
        ("InternalServerError: host not found", True),
        (None, True),
        ("", True),
    ],
)
def test_another_attempt_may_cure_all_but_what_would_repeat_itself(reason: str | None, *, transient: bool) -> None:
    assert is_transient(reason) is transient


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (json.dumps({"error": "The page\n is blank."}), "The page is blank."),
        (
            json.dumps({"code": 500, "type": "InternalServerException", "message": "Prediction failed"}),
            "Prediction failed",
        ),
        (json.dumps({"detail": {"message": "too large"}}), "too large"),
        (json.dumps([{"error": "first"}]), "first"),
        (json.dumps({"error": ""}), None),
        (json.dumps({"error": {"a": 1}}), None),
        (json.dumps("text"), "text"),
        ("\n  Out of memory.\nTraceback", "Out of memory."),
        ("", None),
        ("[" * 100_000, "[" * 499 + "…"),
        ("\x1b[31mred\x07", "[31mred"),
    ],
)
def test_the_sentence_is_found_where_models_put_it(body: str, sentence: str | None) -> None:
    assert failure_sentence(body.encode()) == sentence


@given(st.binary(max_size=2_000))
def test_any_body_gives_one_printable_line_or_none(body: bytes) -> None:
    sentence = failure_sentence(body)

    assert sentence is None or (sentence.isprintable() and 0 < len(sentence) <= 500)
