"""The signature of the webhook; tests/docs/test_events.py verifies it as a receiver does."""

import json

import pytest

from notify.signature import SecretError, Signer, parse_keys, sign

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_it_is_that_of_the_standards_reference_libraries() -> None:
    """Key, id, time, payload and signature are those of their tests."""
    signed = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert sign(parse_keys(KEY), signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_body_names_its_event_and_the_second() -> None:
    envelope = Signer(secret=lambda: KEY, clock=lambda: 1_614_265_330.9).envelope({"deduplication_key": "a.1.FAILED"})
    signed = f"a.1.FAILED.1614265330.{envelope['payload']}"
    assert json.loads(envelope["payload"]) == {"deduplication_key": "a.1.FAILED"}
    assert envelope == {
        "id": "a.1.FAILED",
        "timestamp": "1614265330",
        "payload": envelope["payload"],
        "signature": sign(parse_keys(KEY), signed),
    }


def test_what_is_signed_is_ascii() -> None:
    signer = Signer(secret=lambda: KEY, clock=lambda: 0)
    assert signer.envelope({"deduplication_key": "a", "key": "レシート"})["payload"].isascii()


@pytest.mark.parametrize("secret", ["", "  \n"])
def test_a_secret_without_a_key_is_no_secret(secret: str) -> None:
    with pytest.raises(SecretError, match="is empty"):
        parse_keys(secret)


@pytest.mark.parametrize(
    "secret", ["no-prefix", "whsec_", "whsec_c2hvcnQ=", "whsec_*not base64*", KEY.removeprefix("whsec_"), f"{KEY} x"]
)
def test_a_key_that_is_not_valid_is_rejected_and_not_repeated(secret: str) -> None:
    with pytest.raises(SecretError, match="is not valid") as rejected:
        parse_keys(secret)
    assert len(secret) < 7 or secret not in str(rejected.value)


def test_several_keys_sign_one_after_the_other() -> None:
    signer = Signer(secret=lambda: f" {KEY}\n{KEY} ", clock=lambda: 0)
    first, second = signer.envelope({"deduplication_key": "a"})["signature"].split(" ")
    assert first == second
