"""The ports on boto3. Each client is made once, when the function's container starts.

No document and no request is tried again here: the queue does that, with pauses and an end.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, HTTPClientError
from botocore.exceptions import EndpointConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from async_endpoint.protocol import JobTable
from submit.logic import Submitter
from submit.ports import Acceptance, AnswerUnknown, Head, MessageKept, Rejected

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointAsyncInputTypeDef

    from async_endpoint.protocol import InvocationRequest
    from submit.settings import Settings

_ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
# botocore waits for a minute, longer than the function runs; a request that was made must be recorded in its time.
_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
_NOT_FOUND = 404
_SERVER_ERRORS = 500
# A ValidationError may also be about the endpoint (missing, not in service); then the document is not to blame.
_ABOUT_THE_REQUEST = re.compile(r"at '(?:inputLocation|contentType|inferenceId)'|\bInputLocation\b")


class S3Documents:
    """Documents in S3."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def head(self, bucket: str, key: str) -> Head | None:
        """Call HeadObject. S3 answers 404 for an absent object only to who may list the bucket, else 403."""
        try:
            answer = self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_FOUND:
                return None
            raise MessageKept(f"s3://{bucket}/{key} cannot be looked at: {error}; the message is kept.") from error
        return Head(answer.get("VersionId"), answer["ETag"], answer.get("ContentType"))


class SageMakerEndpoint:
    """An endpoint of the SageMaker runtime."""

    def __init__(self, runtime: SageMakerRuntimeClient) -> None:
        self._runtime = runtime

    def invoke(self, request: InvocationRequest) -> Acceptance:
        """Call InvokeEndpointAsync once."""
        name = request.endpoint_name
        try:
            answer = self._runtime.invoke_endpoint_async(**cast("InvokeEndpointAsyncInputTypeDef", request.members()))
        except ClientError as error:
            raise _refusal(name, error) from error
        except (NoConnection, ConnectTimeoutError) as error:
            raise MessageKept(f"The endpoint {name} cannot be reached: {error}; the message is kept.") from error
        except (HTTPClientError, ResponseParserError) as error:
            raise AnswerUnknown(f"The endpoint {name} gave no answer: {error}; the message is kept.") from error
        except BotoCoreError as error:
            raise MessageKept(f"The endpoint {name} cannot be called: {error}; the message is kept.") from error
        return Acceptance(answer.get("OutputLocation"), answer.get("FailureLocation"))


def submitter(settings: Settings) -> Submitter:
    """Everything joined, in the function's own account and region."""
    table = boto3.resource("dynamodb", config=_QUICK).Table(settings.jobs_table)
    return Submitter(
        jobs=JobTable(table),
        documents=S3Documents(boto3.client("s3", config=_ONE_ATTEMPT)),
        endpoint=SageMakerEndpoint(boto3.client("sagemaker-runtime", config=_ONE_ATTEMPT)),
        settings=settings,
        clock=time.time,
    )


def _refusal(name: str, error: ClientError) -> Rejected | MessageKept:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or str(error)
    if code == "ValidationError" and _ABOUT_THE_REQUEST.search(message):
        return Rejected(f"SageMaker refuses the request: {message}")
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERRORS:
        return AnswerUnknown(f"The endpoint {name} failed: {code}: {message} The message is kept.")
    return MessageKept(f"The endpoint {name} does not take the request: {code}: {message} The message is kept.")
