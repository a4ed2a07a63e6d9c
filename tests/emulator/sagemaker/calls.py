"""Calls of SageMaker's operations through boto3."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.fakes import ACCOUNT, REGION

Client = Any  # boto3 makes its clients at run time
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def status(sagemaker: Client, name: str) -> str:
    return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])


def rejection(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    """Code and message with which a call is rejected; always with HTTP status 400."""
    with pytest.raises(ClientError) as rejected:
        call(**members)
    response = rejected.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.BAD_REQUEST
    return response["Error"]["Code"], response["Error"]["Message"]
