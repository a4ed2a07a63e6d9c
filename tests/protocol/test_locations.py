"""S3 locations are read from every spelling in which AWS hands them over."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from async_endpoint.protocol import LocationError, S3Location

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,40}[a-z0-9]", fullmatch=True)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
REGIONS = st.sampled_from(["us-east-1", "ap-northeast-1", "eu-central-2"])


@given(BUCKETS, KEYS)
@example("bucket", "a key/with ?#%20 and ü")
@example("bucket", "//leading//slashes/")
def test_an_s3_uri_reads_back_as_the_location_it_was_made_from(bucket: str, key: str) -> None:
    location = S3Location(bucket, key)

    assert S3Location.from_uri(location.uri) == location


@given(BUCKETS, KEYS, REGIONS)
def test_every_url_style_gives_the_same_location(bucket: str, key: str, region: str) -> None:
    path = quote(key)

    for url in (
        f"https://{bucket}.s3.{region}.amazonaws.com/{path}",
        f"https://{bucket}.s3.amazonaws.com/{path}",
        f"https://{bucket}.s3-{region}.amazonaws.com/{path}",
        f"https://{bucket}.s3.dualstack.{region}.amazonaws.com/{path}",
        f"https://{bucket}.s3.{region}.amazonaws.com.cn/{path}",
        f"https://s3.{region}.amazonaws.com/{bucket}/{path}",
        f"http://localhost:4566/{bucket}/{path}",
        f"http://127.0.0.1:4566/{bucket}/{path}",
    ):
        assert S3Location.from_uri(url) == S3Location(bucket, key), url


@pytest.mark.parametrize("bucket", ["my.s3.archive", "s3-archive", "s3.archive", "archive.s3", "s3-eu-west-1"])
def test_a_bucket_that_looks_like_a_host_is_distinguished_from_it(bucket: str) -> None:
    assert S3Location.from_uri(f"https://{bucket}.s3.eu-west-1.amazonaws.com/k") == S3Location(bucket, "k")
    assert S3Location.from_uri(f"https://{bucket}.s3.amazonaws.com/k") == S3Location(bucket, "k")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a location in S3"),
        ("bucket/key", "not a location in S3"),
        ("s3://bucket", "names a bucket but no object"),
        ("s3://bucket/", "names a bucket but no object"),
        ("https://s3.us-east-1.amazonaws.com/bucket", "names a bucket but no object"),
        ("s3:///key", "not a bucket name"),
        ("s3://a/key", "not a bucket name"),
        ("https://example.com/bucket/key", "not a URL of S3"),
        ("http://bucket.s3.us-east-1.amazonaws.com/key", "not a URL of S3"),
        ("https://bucket.s3.amazonaws.com.evil.example/key", "not a URL of S3"),
        ("https://bucket.s3.us-east-1.amazonaws.com/key?versionId=1", "leave out what follows"),
        ("http://[::1/key", "not a URL"),
        ("s3://bucket/" + "k" * 1025, "longer than S3's 1024 bytes"),
    ],
)
def test_what_is_not_a_location_is_rejected_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(LocationError, match=reason):
        S3Location.from_uri(text)


@given(st.text(max_size=60))
@example("https://s3.amazonaws.com/%ff%fe%fd")
def test_any_other_text_ends_in_a_location_or_in_a_location_error(text: str) -> None:
    try:
        location = S3Location.from_uri(text)
    except LocationError:
        return
    assert S3Location.from_uri(location.uri) == location


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/", "https://bucket.s3.us-east-1.amazonaws.com"])
def test_a_whole_bucket_is_a_prefix(text: str) -> None:
    assert S3Location.from_prefix_uri(text) == S3Location("bucket", "")


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("", "name.png"), ("in", "in/name.png"), ("in/", "in/name.png"), ("a/b//", "a/b/name.png")],
)
def test_a_child_lies_one_slash_below_its_prefix(prefix: str, expected: str) -> None:
    assert S3Location("bucket", prefix).child("name.png") == S3Location("bucket", expected)
