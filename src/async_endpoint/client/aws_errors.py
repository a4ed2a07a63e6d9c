"""What an error of boto3 means for the documents: which of the client's own errors it becomes."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.errors import (
    AwsUnavailable,
    EndpointNotFound,
    InvalidRequest,
    StorageError,
    SubmitError,
    Throttled,
    UnknownSubmission,
)
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from async_endpoint.protocol import InvocationRequest

_THROTTLED = frozenset({"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"})
# Of S3 and KMS, that pass and are no 5xx: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_S3_BUSY = _THROTTLED | {"RequestTimeout"}
# Of every service: the caller is unknown, has expired, has a wrong clock or may not do this.
_CALLER_REJECTED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "AuthFailure", "ExpiredToken", "ExpiredTokenException"),
        *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "InvalidToken"),
        *("RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired"),
        "UnrecognizedClientException",
    }
)


def upload_error(target: S3Location, error: Exception) -> SubmitError:
    """Returns the client's own error for one of S3 that took no document."""
    bucket = S3Location(target.bucket, "")
    if _is_for_all(error) or _code(error) == "NoSuchBucket":
        return AwsUnavailable(f"Documents cannot be uploaded to {bucket}: {error_text(error)}")
    if _code(error) in _S3_BUSY or _status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Throttled(f"S3 takes no document in {bucket} at the moment: {error_text(error)}")
    return SubmitError(f"The document cannot be uploaded to {target}: {error_text(error)}")


def submit_error(request: InvocationRequest, error: ClientError) -> SubmitError:
    """Returns the client's own error for one of the service."""
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or str(error)
    if code in _THROTTLED:
        return Throttled(f"AWS asks for fewer calls of {request.endpoint_name} ({message}): lower the concurrency.")
    if re.search(r"endpoint .*not found", message, re.IGNORECASE):
        return EndpointNotFound(f"There is no endpoint {request.endpoint_name} here: {message}")
    if code in _CALLER_REJECTED:
        return AwsUnavailable(f"{request.endpoint_name} cannot be called: {code}: {message}")
    if code == "ValidationError":
        return InvalidRequest(f"{request.endpoint_name} rejects the request {request.inference_id}: {message}")
    if _status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnknownSubmission(
            f"{request.endpoint_name} failed, and may have taken the request {request.inference_id}: {code}: {message}"
        )
    return SubmitError(f"{request.endpoint_name} did not accept the request {request.inference_id}: {code}: {message}")


def storage_error(what: str, error: Exception) -> StorageError:
    """Returns the client's own error for one of S3."""
    kind = AwsUnavailable if _is_for_all(error) else StorageError
    return kind(f"{what}: {error_text(error)}")


def error_text(error: Exception) -> str:
    """Returns the error in one line; boto3's own error of an upload names the file first."""
    return " ".join(str(error).split())


def _is_for_all(error: Exception) -> bool:
    """Returns whether the next document would have the same error."""
    return isinstance(error, BotoCoreError) or _code(error) in _CALLER_REJECTED


def _code(error: Exception) -> str:
    """Returns AWS's code of an error, or an empty text."""
    found = _of_service(error)
    return found.response["Error"].get("Code", "") if found else ""


def _status(error: Exception) -> int:
    """Returns the status of AWS's response, or 0; a response that is empty or a web page has no code beside it."""
    found = _of_service(error)
    return found.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if found else 0


def _of_service(error: Exception) -> ClientError | None:
    """Returns the error that AWS sent, if one was; boto3's own error of an upload was raised while it was handled."""
    sent = error.__context__ if isinstance(error, Boto3Error) else error
    return sent if isinstance(sent, ClientError) else None
