"""A client's listings are the same as botocore's own, whatever the keys are."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.client import AwsTransport
from async_endpoint.client.listing_parser import _parse_contents, parse_listings_quickly
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3
    from mypy_boto3_s3.client import S3Client

    from tests.support.endpoint_fixtures import EndpointServer

KEYS = ["results/a.out", "results/a & <b>.out", "results/ä+%20 ☃.out", "results/a\tb.out"]


@pytest.fixture
def quick(aws_url: str, session: boto3.Session) -> Iterator[S3Client]:
    client = session.client("s3", endpoint_url=aws_url)
    parse_listings_quickly(client)
    yield client
    client.close()


def test_keys_and_times_are_those_that_botocore_returns(quick: S3Client, s3: S3Client, bucket: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    ours, theirs = (client.list_objects_v2(Bucket=bucket, Prefix="results/") for client in (quick, s3))

    assert [found["Key"] for found in ours["Contents"]] == [found["Key"] for found in theirs["Contents"]]
    assert sorted(found["Key"] for found in ours["Contents"]) == sorted(KEYS)
    assert [found["LastModified"] for found in ours["Contents"]] == [
        found["LastModified"] for found in theirs["Contents"]
    ]
    assert set(ours["Contents"][0]) == {"Key", "LastModified"}, "botocore parsed them"
    for name in ("IsTruncated", "KeyCount", "Prefix", "Name", "MaxKeys"):
        assert ours.get(name) == theirs.get(name), name


def test_a_page_and_its_continuation(quick: S3Client, s3: S3Client, bucket: str) -> None:
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")

    page = quick.list_objects_v2(Bucket=bucket, MaxKeys=2)
    rest = quick.list_objects_v2(Bucket=bucket, StartAfter=page["Contents"][-1]["Key"])

    assert ([found["Key"] for found in page["Contents"]], page["IsTruncated"]) == (["k0", "k1"], True)
    assert ([found["Key"] for found in rest["Contents"]], rest["IsTruncated"]) == (["k2"], False)


def test_an_empty_listing_has_no_objects(quick: S3Client, bucket: str) -> None:
    page = quick.list_objects_v2(Bucket=bucket, Prefix="none/")

    assert "Contents" not in page
    assert page["KeyCount"] == 0


def test_errors_are_botocores(quick: S3Client) -> None:
    with pytest.raises(quick.exceptions.NoSuchBucket):
        quick.list_objects_v2(Bucket="no-such-bucket-here")


@pytest.mark.usefixtures("local_services")
def test_a_transport_of_our_own_lists_quickly_and_a_client_of_the_callers_is_left_alone(
    s3: S3Client, server: EndpointServer, session: boto3.Session, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    runtime = session.client("sagemaker-runtime", endpoint_url=server.url)

    ours = AwsTransport.from_session(None, concurrency=1, max_attempts=1)
    theirs = AwsTransport(runtime=runtime, s3=s3)

    assert set(ours._s3.list_objects_v2(Bucket=bucket)["Contents"][0]) == {"Key", "LastModified"}
    assert "Size" in theirs._s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert ours.list_page(S3Location(bucket, ""), "").objects == theirs.list_page(S3Location(bucket, ""), "").objects
    runtime.close()


ENTRY = "<Contents><Key>{}</Key><LastModified>{}</LastModified></Contents>"


@pytest.mark.parametrize(
    "body",
    [
        "no xml",
        f"<R>{ENTRY.format('k', 'yesterday')}</R>",
        f"<R>{ENTRY.format('k', '2026-01-01T00:00:00')}</R>",
        "<R><Contents><Key>k</Key></Contents></R>",
        "<R/>",
    ],
    ids=["no XML", "a time in words", "a time without a zone", "no time", "no object"],
)
def test_what_looks_otherwise_is_left_to_botocore(body: str) -> None:
    response: dict[str, Any] = {"status_code": HTTPStatus.OK, "body": body.encode()}
    customised: dict[str, Any] = {}

    _parse_contents(response_dict=response, customized_response_dict=customised)

    assert response["body"] == body.encode()
    assert customised == {}


def test_objects_without_a_namespace_are_parsed_too() -> None:
    response: dict[str, Any] = {
        "status_code": HTTPStatus.OK,
        "body": f"<R><IsTruncated>true</IsTruncated>{ENTRY.format('k', '2026-01-01T00:00:00.000Z')}</R>".encode(),
    }
    customised: dict[str, Any] = {}

    _parse_contents(response_dict=response, customized_response_dict=customised)

    moment = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    assert customised == {"Contents": [{"Key": "k", "LastModified": moment}]}
    assert response["body"] == b"<R><IsTruncated>true</IsTruncated></R>"
