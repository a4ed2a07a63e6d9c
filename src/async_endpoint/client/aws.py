"""The transport to AWS: boto3's SageMaker runtime and S3 clients, with their errors as the client's."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from async_endpoint.client.aws_clients import SENT_AT_ONCE, make_clients
from async_endpoint.client.aws_errors import error_text, storage_error, submit_error, upload_error
from async_endpoint.client.errors import (
    AsyncEndpointError,
    AwsUnavailable,
    ConnectionLost,
    InvalidDocument,
    InvalidRequest,
    StorageError,
    SubmitError,
    UnknownSubmission,
)
from async_endpoint.client.transport import Acceptance, ListingPage, Payload, StoredObject
from async_endpoint.client.wrong_responses import CutOff, fail_if_cut
from async_endpoint.protocol import LocationError, S3Location

if TYPE_CHECKING:
    from pathlib import Path

    import boto3
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2RequestTypeDef
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointAsyncInputTypeDef

    from async_endpoint.protocol import InvocationRequest

_AWS_ERRORS = (Boto3Error, BotoCoreError, ClientError)
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError)
# There was no connection, so nothing was sent. An error of a proxy does not say that much.
_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError)
# Of the connection that was, or of the body: the next one may be whole.
_BROKE_OFF = (ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
# Documents are uploaded in parallel; the parts of one document one after the other.
_ONE_THREAD_PER_FILE = TransferConfig(use_threads=False)
_MOST_DOWNLOADS = 3


class _Attempts(threading.local):
    """What botocore's attempts of the current call met, in this thread.

    Attributes:
        lost_one: Whether the response of an attempt was lost, or was a server error: it may have been accepted.
    """

    lost_one = False

    def note(self, *, response_dict: dict[str, Any] | None, exception: Exception | None, **_: object) -> None:
        """Takes in an attempt; botocore calls it after each."""
        status = (response_dict or {}).get("status_code", HTTPStatus.OK)
        is_lost = exception is not None and not isinstance(exception, _NOT_SENT)
        self.lost_one |= is_lost or status >= HTTPStatus.INTERNAL_SERVER_ERROR


class AwsTransport:
    """The transport over two boto3 clients.

    Args:
        runtime: A client of `sagemaker-runtime`.
        s3: A client of `s3`. Both clients bring their own retries and connection pools.
    """

    def __init__(self, *, runtime: SageMakerRuntimeClient, s3: S3Client) -> None:
        self._runtime = runtime
        self._s3 = s3
        self._attempts = _Attempts()
        events, call = runtime.meta.events, "sagemaker-runtime.InvokeEndpointAsync"
        events.register(f"response-received.{call}", self._attempts.note)
        # Also on a client that the caller made: a cut response may have half a location.
        events.register_first(f"needs-retry.{call}", fail_if_cut, unique_id="async-endpoint-cut-submission")

    @classmethod
    def from_session(cls, session: boto3.Session | None, *, concurrency: int, max_attempts: int) -> AwsTransport:
        """Makes both clients, with connections for uploads and downloads at once, and botocore's standard retries.

        Raises:
            AsyncEndpointError: boto3 lacks a setting, such as the region.
        """
        connections = 2 * concurrency  # documents are uploaded while results are fetched
        try:
            runtime, s3 = make_clients(session, connections=connections, max_attempts=max_attempts)
        except BotoCoreError as error:
            raise AsyncEndpointError(f"boto3 cannot reach AWS as configured: {error}") from error
        return cls(runtime=runtime, s3=s3)

    @property
    def region(self) -> str:
        """The region of the clients."""
        return self._s3.meta.region_name

    @cached_property
    def _takes_a_body(self) -> bool:
        """Whether the service model of the client knows documents in the request itself; older ones do not."""
        request = self._runtime.meta.service_model.operation_model("InvokeEndpointAsync").input_shape
        return request is not None and "Body" in request.members

    def upload(self, source: Path | bytes, target: S3Location, content_type: str) -> None:
        """Uploads a document; a large file streams from disk, in parts."""
        try:
            if isinstance(source, bytes):
                self._s3.put_object(Bucket=target.bucket, Key=target.key, Body=source, ContentType=content_type)
            elif (size := source.stat().st_size) < SENT_AT_ONCE:
                body = source.read_bytes()
                self._s3.put_object(Bucket=target.bucket, Key=target.key, Body=body, ContentType=content_type)
            elif size < _ONE_THREAD_PER_FILE.multipart_threshold:
                # upload_file makes a transfer manager for each file, which takes as long as the call itself.
                with source.open("rb") as file:
                    self._s3.put_object(Bucket=target.bucket, Key=target.key, Body=file, ContentType=content_type)
            else:
                self._s3.upload_file(
                    str(source),
                    target.bucket,
                    target.key,
                    ExtraArgs={"ContentType": content_type},
                    Config=_ONE_THREAD_PER_FILE,
                )
        except _AWS_ERRORS as error:
            raise upload_error(target, error) from error
        except OSError as error:  # after AWS's: a lost connection is an OSError too
            raise InvalidDocument(f"{source!s} cannot be read: {error.strerror}.") from error

    def submit(self, request: InvocationRequest) -> Acceptance:
        """Calls InvokeEndpointAsync; the locations come from its response."""
        if request.body is not None and not self._takes_a_body:
            raise InvalidRequest(
                "The installed botocore sends no document inline, because its InvokeEndpointAsync has no Body: update "
                "boto3, or submit without `inline`."
            )
        self._attempts.lost_one = False
        try:
            response = self._runtime.invoke_endpoint_async(**cast("InvokeEndpointAsyncInputTypeDef", request.members()))
        except ClientError as error:
            found = submit_error(request, error)
            if self._attempts.lost_one and not isinstance(found, UnknownSubmission):
                # An attempt before the last may have arrived, whatever the last one met.
                kind = ConnectionLost if isinstance(found, AwsUnavailable) else UnknownSubmission
                raise kind(f"A call before may have been accepted: {found}") from error
            raise found from error
        except _NO_CREDENTIALS as error:
            raise AwsUnavailable(f"The endpoint {request.endpoint_name} cannot be called: {error}") from error
        except CutOff as error:
            raise UnknownSubmission(
                f"The endpoint {request.endpoint_name} may have taken the request {request.inference_id}: {error}"
            ) from error
        except BotoCoreError as error:
            message = f"The endpoint {request.endpoint_name} cannot be called: {error}"
            if isinstance(error, _NOT_SENT) and not self._attempts.lost_one:
                raise AwsUnavailable(message) from error
            raise ConnectionLost(message) from error  # of several attempts, one before the last may have arrived
        inference_id = response.get("InferenceId") or request.inference_id or ""
        try:
            return Acceptance(
                inference_id=inference_id,
                output_location=S3Location.from_uri(response.get("OutputLocation") or ""),
                failure_location=S3Location.from_uri(failure) if (failure := response.get("FailureLocation")) else None,
                accepted_at=_response_time(response["ResponseMetadata"]["HTTPHeaders"]),
            )
        except LocationError as error:
            raise SubmitError(
                f"The endpoint {request.endpoint_name} accepted the request {inference_id} without an output location "
                f"({error}); give its configuration an S3OutputPath."
            ) from error

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        """Calls ListObjectsV2 once."""
        query: ListObjectsV2RequestTypeDef = {"Bucket": prefix.bucket, "Prefix": prefix.key}
        if start_after:
            query["StartAfter"] = start_after
        try:
            page = self._s3.list_objects_v2(**query)
        except _AWS_ERRORS as error:
            raise storage_error(f"Objects below {prefix} cannot be listed", error) from error
        return ListingPage(
            objects=tuple(StoredObject(found["Key"], found["LastModified"]) for found in page.get("Contents", [])),
            is_truncated=page["IsTruncated"],
            listed_at=_response_time(page["ResponseMetadata"]["HTTPHeaders"]),
        )

    def get(self, location: S3Location) -> Payload:
        """Calls GetObject; again if the connection breaks, because botocore retries no reading of a body."""
        left = _MOST_DOWNLOADS
        while True:
            try:
                response = self._s3.get_object(Bucket=location.bucket, Key=location.key)
                return Payload(response["Body"].read(), response.get("ContentType"))
            except _BROKE_OFF as error:
                left -= 1
                if not left:
                    raise StorageError(f"The result {location} cannot be read: {error_text(error)}") from error
            except _AWS_ERRORS as error:
                raise storage_error(f"The result {location} cannot be read", error) from error

    def delete(self, location: S3Location) -> None:
        """Calls DeleteObject."""
        try:
            self._s3.delete_object(Bucket=location.bucket, Key=location.key)
        except _AWS_ERRORS as error:
            raise storage_error(f"The document {location} cannot be deleted", error) from error


def _response_time(headers: dict[str, str]) -> datetime:
    """Returns the time of a response on the clock of the service, or this machine's if the response has no date."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
