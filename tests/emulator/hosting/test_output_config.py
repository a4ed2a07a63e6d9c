"""OutputConfig: where SageMaker puts answers and failures."""

import re

import pytest

from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import endpoint_config

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
BOTH = OutputConfig("s3://b/results/", "s3://b/failures", None, None)


def request(**members: str) -> InvocationRequest:
    return InvocationRequest(endpoint_name="e", body=b"x", inference_id="job-1", **members)  # type: ignore[arg-type]  # texts all


def test_objects_are_named_by_one_uuid_that_is_not_the_inference_id() -> None:
    output, failure = BOTH.locations(request())
    found = re.fullmatch(rf"s3://b/results/({UUID})\.out", output)
    assert found is not None
    assert failure == f"s3://b/failures/{found[1]}-error.out"


@pytest.mark.parametrize(
    ("filename", "output", "failure"),
    [
        ("receipt.json", "s3://b/results/receipt.json", "s3://b/failures/receipt-error.out"),
        ("receipt", "s3://b/results/receipt", "s3://b/failures/receipt-error.out"),
    ],
)
def test_a_filename_names_the_objects(filename: str, output: str, failure: str) -> None:
    assert BOTH.locations(request(filename=filename)) == (output, failure)


def test_an_extension_goes_between_path_and_name() -> None:
    output, failure = BOTH.locations(request(filename="a.out", s3_output_path_extension="/2026/05/"))
    assert (output, failure) == ("s3://b/results/2026/05/a.out", "s3://b/failures/2026/05/a-error.out")


def test_without_paths_there_are_no_locations() -> None:
    assert OutputConfig(None, None, None, None).locations(request()) == ("", None)


def test_is_read_from_an_endpoint_config() -> None:
    output = {
        "S3FailurePath": "s3://b/f",
        "NotificationConfig": {
            "SuccessTopic": "arn:s",
            "ErrorTopic": "arn:e",
            "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
        },
    }
    read = OutputConfig.from_endpoint_config(endpoint_config("c", "m", output=output))
    assert read == OutputConfig(
        "s3://answers/results", "s3://b/f", "arn:s", "arn:e", frozenset({"SUCCESS_NOTIFICATION_TOPIC"})
    )
