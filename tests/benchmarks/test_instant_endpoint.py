"""The server of `benchmarks client`: boto3 and the client find what they find on AWS, and every call is counted."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import urllib3
from botocore.exceptions import ClientError

from async_endpoint.client import AsyncEndpoint, AwsTransport, ResultTimeout
from benchmarks.client_parts import RECEIPTS, delay
from benchmarks.instant_endpoint import InstantEndpoint, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

LATENCY = 0.05


@contextmanager
def served(model_seconds: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.instant_endpoint", str(LATENCY), str(model_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        yield server.stdout.readline().strip()
        server.stdin.close()
        assert server.wait(10) == 0


def transport_to(url: str, session: boto3.Session) -> AwsTransport:
    return AwsTransport(
        runtime=session.client("sagemaker-runtime", endpoint_url=url), s3=session.client("s3", endpoint_url=url)
    )


def calls(url: str) -> dict[str, int]:
    return dict(urllib3.request("POST", f"{url}/-/calls").json())


def test_documents_come_back_as_their_own_results_and_every_call_counts(session: boto3.Session) -> None:
    receipts = sorted(RECEIPTS.glob("*.jpg"))[:20]
    with served(0) as url:
        endpoint = AsyncEndpoint(
            "e", input_location="s3://inputs/in", transport=transport_to(url, session), concurrency=4
        )

        results = {job.document: job.output for job in endpoint.map(receipts, timeout=30)}

        counted = calls(url)
        assert calls(url) == {}
    for path in receipts:
        result = results[str(path)]
        assert result
        assert 0 <= delay(path.stat().st_size, result.json(), path.name) < 30
    assert counted.pop("ListObjectsV2") > 0
    assert counted == {"PutObject": 20, "InvokeEndpointAsync": 20, "GetObject": 20}


def test_a_result_of_another_document_is_noticed() -> None:
    with pytest.raises(RuntimeError, match=r"a\.jpg has 3 bytes, and its result says 4"):
        delay(3, {"bytes": 4, "written_at": 0.0}, "a.jpg")


def test_every_call_takes_the_latency_and_a_result_the_models_time(session: boto3.Session) -> None:
    with served(0.5) as url:
        endpoint = AsyncEndpoint("e", transport=transport_to(url, session))
        began = time.monotonic()
        job = endpoint.submit(b"abc", inline=True)
        submitted = time.monotonic()
        result = job.result(timeout=30)

    assert submitted - began >= LATENCY
    assert result.json()["written_at"] - began >= 0.5 + LATENCY


def test_an_endpoint_that_never_answers(session: boto3.Session) -> None:
    with served(-1) as url:
        job = AsyncEndpoint("e", transport=transport_to(url, session)).submit(b"abc", inline=True)

        with pytest.raises(ResultTimeout):
            job.result(timeout=0.5)


def test_what_boto3_asks_of_s3(session: boto3.Session) -> None:
    with served(0) as url:
        s3 = session.client("s3", endpoint_url=url)
        for number in range(3):
            s3.put_object(Bucket="inputs", Key=f"in/{number}", Body=b"x" * number)

        page = s3.list_objects_v2(Bucket="inputs", Prefix="in/", StartAfter="in/0")
        found = [(each["Key"], each["Size"]) for each in page["Contents"]]
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket="inputs", Key="in/3")
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="inputs", Key="in/3")
        size = s3.head_object(Bucket="inputs", Key="in/2")["ContentLength"]
        s3.close()

    assert found == [("in/1", 1), ("in/2", 2)]
    assert size == 2


def test_a_listing_has_pages_of_1000_keys() -> None:
    endpoint = InstantEndpoint(latency=0, model_seconds=None)
    for number in range(1_001):
        endpoint.respond(Request("PUT", f"/inputs/{number:04}", {}, b""))

    first = endpoint.respond(Request("GET", "/inputs?list-type=2", {}, b"")).body
    rest = endpoint.respond(Request("GET", "/inputs?list-type=2&start-after=0999", {}, b"")).body

    assert b"<IsTruncated>true</IsTruncated>" in first
    assert first.count(b"<Key>") == 1_000
    assert b"<IsTruncated>false</IsTruncated>" in rest
    assert b"<Key>1000</Key>" in rest


def test_a_request_that_sagemaker_rejects(session: boto3.Session) -> None:
    with served(0) as url:
        runtime = session.client("sagemaker-runtime", endpoint_url=url)
        with pytest.raises(ClientError, match="ValidationError"):
            runtime.invoke_endpoint_async(EndpointName="e", InputLocation="ftp://inputs/x")
        runtime.close()
