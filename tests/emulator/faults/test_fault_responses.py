"""The errors that real clients see when a fault strikes."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.faults.fault_responses import SERVICES
from async_endpoint.emulator.faults.http import FaultClient
from tests.emulator.conftest import Running


@pytest.fixture(scope="module", autouse=True)
def bucket(running: Running) -> None:
    running.client("s3").create_bucket(Bucket="faulty")


def call(running: Running, service: str, attempts: int = 1) -> Any:
    """A call that would succeed, or fail for another reason, if nothing were wrong."""
    name = f"none-{uuid.uuid4().hex[:8]}"
    made = running.client(service, attempts=attempts)
    match service:
        case "s3":
            return made.put_object(Bucket="faulty", Key=name, Body=b"x")
        case "sns":
            return made.list_topics()
        case "sqs":
            return made.list_queues()
        case "dynamodb":
            return made.list_tables()
        case _:
            try:
                return made.invoke_endpoint_async(EndpointName="nowhere", InputLocation="s3://faulty/x")
            except ClientError as error:
                if "Endpoint nowhere of account" in str(error):  # it went through
                    return error.response
                raise


@pytest.mark.parametrize(
    ("service", "throttle", "code", "status"),
    [
        ("s3", False, "InternalError", 500),
        ("s3", True, "SlowDown", 503),
        ("sns", False, "InternalError", 500),
        ("sns", True, "Throttling", 400),
        ("dynamodb", False, "InternalServerError", 500),
        ("dynamodb", True, "ProvisionedThroughputExceededException", 400),
        ("sqs", False, "InternalFailure", 500),
        ("sqs", True, "RequestThrottled", 400),
        ("sagemaker-runtime", False, "InternalFailure", 500),
        ("sagemaker-runtime", True, "ThrottlingException", 400),
    ],
)
def test_a_client_sees_the_error_of_the_service(
    running: Running,
    faults: FaultClient,
    service: str,
    throttle: bool,  # noqa: FBT001 - a parameter of the test
    code: str,
    status: int,
) -> None:
    faults.add("throttle" if throttle else "error", service=service, count=1)
    with pytest.raises(ClientError) as refused:
        call(running, service)
    assert refused.value.response["Error"]["Code"].rpartition("#")[2] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(running, service)  # the fault has ended


@pytest.mark.parametrize("service", SERVICES)
def test_a_throttle_is_tried_again_by_botocore_and_goes_through(
    running: Running, faults: FaultClient, service: str
) -> None:
    faults.add("throttle", service=service, count=1)
    assert call(running, service, attempts=3)["ResponseMetadata"]["RetryAttempts"] == 1
