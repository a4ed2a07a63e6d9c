"""The transport to AWS: boto3's SageMaker runtime and S3 clients, and their errors in sentences."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.errors import (
    AsyncEndpointError,
    EndpointNotFound,
    InvalidDocument,
    InvalidRequest,
    StorageError,
    SubmitError,
    Throttled,
)
from async_endpoint.client.transport import Acceptance, ListingPage, Payload, StoredObject
from async_endpoint.protocol import LocationError, S3Location

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2RequestTypeDef
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointAsyncInputTypeDef

    from async_endpoint.protocol import InvocationRequest

_AWS_ERRORS = (Boto3Error, BotoCoreError, ClientError)
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"})
# Documents travel side by side; the parts of one document one after the other.
_ONE_THREAD_A_FILE = TransferConfig(use_threads=False)


class AwsTransport:
    """Talks to AWS through two boto3 clients.

    Args:
        runtime: A client of `sagemaker-runtime`.
        s3: A client of `s3`. Retries and connection pools are whatever the two clients were made with.
    """

    def __init__(self, *, runtime: SageMakerRuntimeClient, s3: S3Client) -> None:
        self._runtime = runtime
        self._s3 = s3

    @classmethod
    def of_session(cls, session: boto3.Session | None, *, concurrency: int, max_attempts: int) -> AwsTransport:
        """Make both clients with a connection for each thread and botocore's standard retries.

        Raises:
            AsyncEndpointError: boto3 lacks something, such as a region.
        """
        config = Config(
            max_pool_connections=concurrency,
            retries={"mode": "standard", "total_max_attempts": max_attempts},
        )
        try:
            session = session or boto3.Session()
            return cls(
                runtime=session.client("sagemaker-runtime", config=config), s3=session.client("s3", config=config)
            )
        except BotoCoreError as error:
            raise AsyncEndpointError(f"boto3 cannot reach AWS as configured: {error}") from error

    def upload(self, source: Path | bytes, target: S3Location, content_type: str) -> None:
        """Put a document; a file streams from disk, in parts when it is large."""
        try:
            if isinstance(source, Path):
                self._s3.upload_file(
                    str(source),
                    target.bucket,
                    target.key,
                    ExtraArgs={"ContentType": content_type},
                    Config=_ONE_THREAD_A_FILE,
                )
            else:
                self._s3.put_object(Bucket=target.bucket, Key=target.key, Body=source, ContentType=content_type)
        except OSError as error:
            raise InvalidDocument(f"{source!s} cannot be read: {error.strerror}.") from error
        except _AWS_ERRORS as error:
            raise SubmitError(f"The document cannot be put at {target}: {error}") from error

    def submit(self, request: InvocationRequest) -> Acceptance:
        """Call InvokeEndpointAsync; the locations are those of its answer."""
        try:
            answer = self._runtime.invoke_endpoint_async(**cast("InvokeEndpointAsyncInputTypeDef", request.members()))
        except ClientError as error:
            raise _refusal(request, error) from error
        except BotoCoreError as error:
            raise SubmitError(f"The endpoint {request.endpoint_name} cannot be called: {error}") from error
        inference_id = answer.get("InferenceId") or request.inference_id or ""
        try:
            return Acceptance(
                inference_id=inference_id,
                output_location=S3Location.parse(answer.get("OutputLocation") or ""),
                failure_location=S3Location.parse(failure) if (failure := answer.get("FailureLocation")) else None,
                accepted_at=_date(answer["ResponseMetadata"]["HTTPHeaders"]),
            )
        except LocationError as error:
            raise SubmitError(
                f"The endpoint {request.endpoint_name} took the request {inference_id} but named no place for its "
                f"answer ({error}); give its configuration an S3OutputPath."
            ) from error

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        """Call ListObjectsV2 once."""
        where: ListObjectsV2RequestTypeDef = {"Bucket": prefix.bucket, "Prefix": prefix.key}
        if start_after:
            where["StartAfter"] = start_after
        try:
            page = self._s3.list_objects_v2(**where)
        except _AWS_ERRORS as error:
            raise StorageError(f"Results below {prefix} cannot be listed: {error}") from error
        return ListingPage(
            objects=tuple(StoredObject(found["Key"], found["LastModified"]) for found in page.get("Contents", [])),
            is_truncated=page["IsTruncated"],
        )

    def get(self, location: S3Location) -> Payload:
        """Call GetObject."""
        try:
            answer = self._s3.get_object(Bucket=location.bucket, Key=location.key)
            return Payload(answer["Body"].read(), answer.get("ContentType"))
        except _AWS_ERRORS as error:
            raise StorageError(f"The result {location} cannot be read: {error}") from error


def _refusal(request: InvocationRequest, error: ClientError) -> SubmitError:
    """The client's own error for one of the service's."""
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or str(error)
    if code in _THROTTLED:
        return Throttled(f"AWS asks for fewer calls of {request.endpoint_name} ({message}): lower the concurrency.")
    if re.search(r"endpoint .*not found", message, re.IGNORECASE):
        return EndpointNotFound(f"There is no endpoint {request.endpoint_name} here: {message}")
    if code == "ValidationError":
        return InvalidRequest(f"{request.endpoint_name} refuses the request {request.inference_id}: {message}")
    return SubmitError(f"{request.endpoint_name} did not take the request {request.inference_id}: {code}: {message}")


def _date(headers: dict[str, str]) -> datetime:
    """The time of the answer by the service's clock, or by this machine's where the answer carries none."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
