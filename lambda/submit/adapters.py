"""The ports on boto3. Each client is made once, when the function's environment starts.

Nothing here retries a document or a request: the queue does, with pauses and a limit.
"""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, HTTPClientError
from botocore.exceptions import EndpointConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from async_endpoint.protocol.response_headers import has_body_length
from shared.clients import SHORT_TIMEOUTS
from submit.logic import Submitter
from submit.ports import Acceptance, AcceptanceUnknown, DocumentRejected, Head, RetryLater
from submit.read_ahead import BatchJobs

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import (
        InvokeEndpointAsyncInputTypeDef,
        InvokeEndpointAsyncOutputTypeDef,
    )

    from async_endpoint.protocol import InvocationRequest, Upload
    from submit.ports import Endpoint, Jobs, Lane
    from submit.settings import Settings

_ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
# A ValidationError may also concern the endpoint (missing, not in service); then the document is not the cause.
_ABOUT_THE_REQUEST = re.compile(r"at '(?:inputLocation|contentType|inferenceId)'|\bInputLocation\b")


class _Condition(TypedDict, total=False):
    CopySourceIfMatch: str


class S3Documents:
    """Documents in S3."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def head(self, bucket: str, key: str, version_id: str | None = None) -> Head | None:
        """Calls HeadObject. For a missing object S3 returns 404 if the caller may list the bucket, else 403."""
        try:
            if version_id:
                response = self._s3.head_object(Bucket=bucket, Key=key, VersionId=version_id)
            else:
                response = self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _status(error) == HTTPStatus.NOT_FOUND:
                return None
            raise RetryLater(f"s3://{bucket}/{key} cannot be read: {error}.") from error
        except BotoCoreError as error:
            raise RetryLater(f"s3://{bucket}/{key} cannot be read: {error}.") from error
        return Head(
            response.get("VersionId"),
            response["ETag"],
            response.get("ContentType"),
            response.get("ContentEncoding"),
            response.get("ContentLength"),
        )

    def copy(self, upload: Upload, key: str) -> bool:
        """Calls CopyObject, which copies up to 5 GB in one call.

        The copy has no tags: copying them would take further permissions.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        """
        source: CopySourceTypeDef = {"Bucket": upload.bucket, "Key": upload.key}
        condition: _Condition = {}
        if upload.etag:
            condition["CopySourceIfMatch"] = upload.etag
        else:
            source["VersionId"] = upload.version
        try:
            self._s3.copy_object(
                Bucket=upload.bucket, Key=key, CopySource=source, TaggingDirective="REPLACE", **condition
            )
        except ClientError as error:
            if _status(error) in {HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}:
                return False
            raise RetryLater(f"{upload.input_location} cannot be copied: {error}.") from error
        except BotoCoreError as error:
            raise RetryLater(f"{upload.input_location} cannot be copied: {error}.") from error
        return True


class SageMakerEndpoint:
    """An endpoint of the SageMaker runtime."""

    def __init__(self, runtime: SageMakerRuntimeClient) -> None:
        self._runtime = runtime

    def invoke(self, request: InvocationRequest) -> Acceptance:
        """Calls InvokeEndpointAsync once."""
        name = request.endpoint_name
        try:
            response = self._runtime.invoke_endpoint_async(**cast("InvokeEndpointAsyncInputTypeDef", request.members()))
        except ClientError as error:
            raise _submit_error(name, error) from error
        except (NoConnection, ConnectTimeoutError) as error:
            raise RetryLater(f"The endpoint {name} cannot be reached: {error}.") from error
        except (HTTPClientError, ResponseParserError) as error:
            raise AcceptanceUnknown(f"The endpoint {name} sent no response: {error}.") from error
        except BotoCoreError as error:
            raise RetryLater(f"The endpoint {name} cannot be called: {error}.") from error
        if _is_cut_off(response):
            raise AcceptanceUnknown(f"The endpoint {name} sent no whole response: it breaks off within its headers.")
        return Acceptance(response.get("OutputLocation"), response.get("FailureLocation"))


def make_endpoint() -> SageMakerEndpoint:
    """Returns the endpoint of the function's own account and region."""
    return SageMakerEndpoint(boto3.client("sagemaker-runtime", config=_ONE_ATTEMPT))


def make_jobs(settings: Settings) -> BatchJobs:
    """Returns the jobs table of the function's own account and region."""
    return BatchJobs(boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table))


def make_submitter(settings: Settings, jobs: Jobs, endpoint: Endpoint, lane: Lane | None) -> Submitter:
    """Returns the submitter for the function's own account and region."""
    return Submitter(
        jobs=jobs,
        documents=S3Documents(boto3.client("s3", config=_ONE_ATTEMPT)),
        endpoint=endpoint,
        settings=settings,
        clock=time.time,
        lane=lane,
    )


def _submit_error(name: str, error: ClientError) -> DocumentRejected | RetryLater:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or str(error)
    if code == "ValidationError" and _ABOUT_THE_REQUEST.search(message):
        return DocumentRejected(f"SageMaker rejects the request: {message}")
    if _status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AcceptanceUnknown(f"The endpoint {name} failed: {code}: {message}")
    return RetryLater(f"The endpoint {name} does not accept the request: {code}: {message}")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _is_cut_off(response: InvokeEndpointAsyncOutputTypeDef) -> bool:
    """Returns whether a response broke off within its headers, and may have half a location.

    It has no body, and nothing says how long that is. What did not come over the network has no headers at all.
    """
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    if headers is None or "InferenceId" in response:
        return False
    return not has_body_length(headers)
