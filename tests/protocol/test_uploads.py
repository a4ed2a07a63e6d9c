"""An uploaded document has one id wherever it is computed, and a location that goes through an HTTP header."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from async_endpoint.protocol import InvocationRequest, S3Location, Upload, job_id

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80)


def upload(key: str, version: str = "v1", region: str = "eu-central-1") -> Upload:
    return Upload(
        bucket="inputs", key=key, version=version, region=region, received_at=datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_the_id_is_the_sha_256_of_bucket_key_and_version() -> None:
    expected = hashlib.sha256(b"inputs\x00inbox/\xc3\xa4.png\x003sL4kqtJ").hexdigest()

    assert job_id("inputs", "inbox/ä.png", "3sL4kqtJ") == upload("inbox/ä.png", "3sL4kqtJ").job_id == expected


def test_the_parts_of_an_id_cannot_run_into_each_other() -> None:
    assert job_id("ab", "c", "d") != job_id("a", "bc", "d")
    assert job_id("a", "b", "cd") != job_id("a", "bc", "d")


@pytest.mark.parametrize(
    ("version_id", "etag", "version"),
    [("3sL4", "abc", "3sL4"), (None, '"abc"', "etag:abc"), ("null", "abc", "etag:abc"), ("", "abc", "etag:abc")],
)
def test_a_version_is_its_id_or_else_the_etag(version_id: str | None, etag: str, version: str) -> None:
    assert Upload.version_of(version_id, etag) == version
    assert upload("a", version).overwritable == version.startswith("etag:")


@given(KEYS)
@example("inbox/a b+c%20d.png")
@example("inbox/領収書.png")
@example("inbox/ends with a blank ")
@example("inbox/new\nline")
@example("inbox/a?b#c é")
def test_every_key_goes_through_a_header_and_reads_back_as_itself(key: str) -> None:
    location = upload(key).input_location

    assert S3Location.from_uri(location) == S3Location("inputs", key)
    assert location.isascii()
    assert location == location.strip()
    assert InvocationRequest(endpoint_name="e", input_location=location[:1024])


@pytest.mark.parametrize(
    ("key", "region", "location"),
    [
        ("inbox/a b+c%20d.png", "eu-central-1", "s3://inputs/inbox/a b+c%20d.png"),
        ("inbox/é +%.png", "eu-central-1", "https://inputs.s3.eu-central-1.amazonaws.com/inbox/%C3%A9%20%2B%25.png"),
        ("inbox/a ", "eu-central-1", "https://inputs.s3.eu-central-1.amazonaws.com/inbox/a%20"),
        ("é", "cn-north-1", "https://inputs.s3.cn-north-1.amazonaws.com.cn/%C3%A9"),
    ],
)
def test_a_key_stays_as_it_is_unless_a_header_cannot_carry_it(key: str, region: str, location: str) -> None:
    assert upload(key, region=region).input_location == location
