"""SageMaker on the wire: the response of InvokeEndpointAsync, and what does not fit the protocol."""

import json
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from async_endpoint.emulator.api.sagemaker import handle
from tests.emulator.fakes import LIMIT, FakeRegion, fake_region

PATH = "/endpoints/e/async-invocations"
LOCATION = {"x-amzn-sagemaker-inputlocation": "s3://documents/a.png"}


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        region.create("e", output={"S3FailurePath": "s3://answers/failures"})
        region.endpoint("e").set_capacity(0)  # requests stay in the queue
        assert region.endpoint("e").wait(LIMIT)
        yield region


def test_a_request_is_accepted_with_its_id_and_its_two_locations(region: FakeRegion) -> None:
    headers = {**LOCATION, "x-amzn-sagemaker-inference-id": "job-1"}
    status, answered, body = handle(region, PATH, headers, b"")
    (item,) = region.endpoint("e").queue.close()
    assert (status, json.loads(body)) == (HTTPStatus.ACCEPTED, {"InferenceId": "job-1"})
    assert answered == {
        "content-type": "application/json",
        "X-Amzn-SageMaker-OutputLocation": item.output_location,
        "X-Amzn-SageMaker-FailureLocation": item.failure_location,
    }
    assert item.received_at == region.clock.now()


def test_a_request_without_an_id_gets_one(region: FakeRegion) -> None:
    _, _, body = handle(region, PATH, LOCATION, b"")
    (item,) = region.endpoint("e").queue.close()
    assert json.loads(body) == {"InferenceId": item.request.inference_id}
    assert uuid.UUID(item.request.inference_id)


def test_a_repeated_id_is_another_request(region: FakeRegion) -> None:
    headers = {**LOCATION, "x-amzn-sagemaker-inference-id": "job-1"}
    locations = {handle(region, PATH, headers, b"")[1]["X-Amzn-SageMaker-OutputLocation"] for _ in range(2)}
    assert len(locations) == 2
    assert region.endpoint("e").queue.backlog == 2


def test_an_error_has_its_name_in_header_and_body(region: FakeRegion) -> None:
    status, headers, body = handle(region, "/endpoints/x/async-invocations", LOCATION, b"")
    assert (status, headers["x-amzn-errortype"]) == (HTTPStatus.BAD_REQUEST, "ValidationError")
    assert json.loads(body) == {"__type": "ValidationError", "message": "Endpoint x of account 000000000000 not found."}


def test_an_unknown_path_is_named_in_the_error(region: FakeRegion) -> None:
    status, _, body = handle(region, "/endpoints/e/elsewhere", {}, b"")
    assert status == HTTPStatus.BAD_REQUEST
    assert json.loads(body) == {
        "__type": "UnknownOperationException",
        "message": "The local AWS does not implement sagemaker:/endpoints/e/elsewhere.",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The request's body is not JSON: "),
        (b'{"MaxResults": NaN}', "The request's body is not JSON: NaN is not a JSON number."),
        (b"[]", "The request's body is not a JSON object."),
        (b'{"EndpointName": 7}', "DescribeEndpoint: Invalid type for parameter EndpointName, value: 7"),
    ],
)
def test_bodies_that_are_no_request(region: FakeRegion, body: bytes, message: str) -> None:
    status, _, answered = handle(region, "/", {"x-amz-target": "SageMaker.DescribeEndpoint"}, body)
    assert status == HTTPStatus.BAD_REQUEST
    assert json.loads(answered)["message"].startswith(message)


def test_constraints_are_judged_before_the_endpoint_is_looked_up(region: FakeRegion) -> None:
    headers = {**LOCATION, "x-amzn-sagemaker-requestttlseconds": "1"}
    _, _, body = handle(region, "/endpoints/x/async-invocations", headers, b"")
    assert "'requestTTLSeconds' failed to satisfy constraint" in json.loads(body)["message"]


def test_null_is_absent_and_members_of_a_newer_client_are_ignored(region: FakeRegion) -> None:
    body = b'{"MaxResults": null, "Colour": "green", "NameContains": "e"}'
    status, _, answer = handle(region, "/", {"x-amz-target": "SageMaker.ListEndpoints"}, body)
    assert status == HTTPStatus.OK
    assert [item["EndpointName"] for item in json.loads(answer)["Endpoints"]] == ["e"]
