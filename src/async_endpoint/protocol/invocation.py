"""The rules of InvokeEndpointAsync: header names, limits, and AWS's messages for invalid requests.

Source: the sagemaker-runtime service model (botocore) and the API reference of InvokeEndpointAsync. TTL and timeout
belong to each request, never to an endpoint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTPUT_LOCATION_HEADER = "X-Amzn-SageMaker-OutputLocation"
FAILURE_LOCATION_HEADER = "X-Amzn-SageMaker-FailureLocation"

REQUEST_TTL_SECONDS_RANGE = (60, 21_600)
INVOCATION_TIMEOUT_SECONDS_RANGE = (1, 3_600)
DEFAULT_REQUEST_TTL_SECONDS = 21_600
DEFAULT_INVOCATION_TIMEOUT_SECONDS = 900
MAXIMUM_INLINE_BODY_BYTES = 128_000

_HEADERS = {
    "input_location": "X-Amzn-SageMaker-InputLocation",
    "content_type": "X-Amzn-SageMaker-Content-Type",
    "accept": "X-Amzn-SageMaker-Accept",
    "custom_attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "inference_id": "X-Amzn-SageMaker-Inference-Id",
    "request_ttl_seconds": "X-Amzn-SageMaker-RequestTTLSeconds",
    "invocation_timeout_seconds": "X-Amzn-SageMaker-InvocationTimeoutSeconds",
    "s3_output_path_extension": "X-Amzn-SageMaker-S3OutputPathExtension",
    "filename": "X-Amzn-SageMaker-Filename",
}
# The service model marks these as sensitive: AWS does not repeat their values in messages.
_SENSITIVE = frozenset({"body", "custom_attributes"})
# The members of the API, as boto3 spells them.
_MEMBERS = {
    "endpoint_name": "EndpointName",
    "input_location": "InputLocation",
    "body": "Body",
    "content_type": "ContentType",
    "accept": "Accept",
    "custom_attributes": "CustomAttributes",
    "inference_id": "InferenceId",
    "request_ttl_seconds": "RequestTTLSeconds",
    "invocation_timeout_seconds": "InvocationTimeoutSeconds",
    "s3_output_path_extension": "S3OutputPathExtension",
    "filename": "Filename",
}


class InvocationError(ValueError):
    """A request that SageMaker rejects with ValidationError (400); the message is SageMaker's."""


@dataclass(frozen=True)
class _TextRule:
    """Length and characters of a text member. `aws_pattern` is AWS's text of the pattern, `pattern` its Python form."""

    minimum: int
    maximum: int
    aws_pattern: str
    pattern: re.Pattern[str]


_ASCII_HEADER = _TextRule(0, 1024, r"\p{ASCII}*", re.compile(r"[\x20-\x7e\t]*"))
_TEXT_RULES = {
    "endpoint_name": _TextRule(
        1, 63, "^[a-zA-Z0-9](-*[a-zA-Z0-9])*", re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
    ),
    "input_location": _TextRule(1, 1024, "^(https|s3)://([^/]+)/?(.*)$", re.compile(r"(?:https|s3)://[^/]+/?.*")),
    "content_type": _ASCII_HEADER,
    "accept": _ASCII_HEADER,
    "custom_attributes": _ASCII_HEADER,
    "inference_id": _TextRule(1, 64, r"\A\S[\p{Print}]*\z", re.compile(r"[\x21-\x7e][\x20-\x7e]*")),
    "s3_output_path_extension": _TextRule(
        1, 512, "^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$", re.compile(r"[a-zA-Z0-9!_.*'()/-]+")
    ),
    "filename": _TextRule(
        1, 32, r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$", re.compile(r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9_.-]*")
    ),
}
_NUMBER_RULES = {
    "request_ttl_seconds": REQUEST_TTL_SECONDS_RANGE,
    "invocation_timeout_seconds": INVOCATION_TIMEOUT_SECONDS_RANGE,
}


@dataclass(frozen=True, kw_only=True)
class InvocationRequest:
    """One request of InvokeEndpointAsync that follows every rule of the API.

    Attributes:
        endpoint_name: The endpoint, up to 63 characters.
        input_location: `s3://…` or `https://…` of the document, up to 1024 characters.
        body: The document itself, up to 128,000 bytes; a request has exactly one of input_location and body.
        content_type: Media type of the document, passed to the container.
        accept: Requested media type of the result, passed to the container.
        custom_attributes: Up to 1024 visible ASCII characters, passed to the container verbatim.
        inference_id: 1-64 printable ASCII characters; SageMaker generates an absent one and does not deduplicate.
        request_ttl_seconds: Age in the queue, 60-21600 s, at which the request expires.
        invocation_timeout_seconds: Time for processing, 1-3600 s.
        s3_output_path_extension: Appended to the endpoint's S3OutputPath for this request.
        filename: Name of the output object, up to 32 characters with at most one dot.

    Raises:
        InvocationError: The request breaks a rule; the message names all broken rules, like AWS's.
    """

    endpoint_name: str
    input_location: str | None = None
    body: bytes | None = None
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    inference_id: str | None = None
    request_ttl_seconds: int = DEFAULT_REQUEST_TTL_SECONDS
    invocation_timeout_seconds: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS
    s3_output_path_extension: str | None = None
    filename: str | None = None

    def __post_init__(self) -> None:
        if failures := list(self._failures()):
            plural = "s" if len(failures) > 1 else ""
            raise InvocationError(f"{len(failures)} validation error{plural} detected: {'; '.join(failures)}")
        if (self.input_location is None) == (self.body is None):
            raise InvocationError("Exactly one of InputLocation and Body must be given.")

    @classmethod
    def from_http(cls, endpoint_name: str, headers: Mapping[str, str], body: bytes) -> InvocationRequest:
        """Parses an HTTP request.

        Args:
            endpoint_name: The name in the path `/endpoints/{EndpointName}/async-invocations`.
            headers: HTTP headers, their names in lower case.
            body: The payload; empty for a request without one.

        Raises:
            InvocationError: The request breaks a rule of the API.
        """
        given = {name: headers[header.lower()] for name, header in _HEADERS.items() if header.lower() in headers}
        numbers = {name: _whole_number(name, given.pop(name)) for name in _NUMBER_RULES if name in given}
        return cls(
            endpoint_name=endpoint_name,
            body=body or None,
            input_location=given.get("input_location"),
            content_type=given.get("content_type"),
            accept=given.get("accept"),
            custom_attributes=given.get("custom_attributes"),
            inference_id=given.get("inference_id"),
            request_ttl_seconds=numbers.get("request_ttl_seconds", DEFAULT_REQUEST_TTL_SECONDS),
            invocation_timeout_seconds=numbers.get("invocation_timeout_seconds", DEFAULT_INVOCATION_TIMEOUT_SECONDS),
            s3_output_path_extension=given.get("s3_output_path_extension"),
            filename=given.get("filename"),
        )

    def members(self) -> dict[str, str | int | bytes]:
        """Returns the request as the API's members (`EndpointName`, `InputLocation`, …), without the absent ones."""
        return {
            _MEMBERS[field.name]: value for field in fields(self) if (value := getattr(self, field.name)) is not None
        }

    def _failures(self) -> Iterator[str]:
        for name, rule in _TEXT_RULES.items():
            text = getattr(self, name)
            if text is not None:
                yield from _text_failures(name, text, rule)
        for name, (minimum, maximum) in _NUMBER_RULES.items():
            number = getattr(self, name)
            if number < minimum:
                yield _failure(name, number, f"Member must have value greater than or equal to {minimum}")
            elif number > maximum:
                yield _failure(name, number, f"Member must have value less than or equal to {maximum}")
        if self.body is not None and len(self.body) > MAXIMUM_INLINE_BODY_BYTES:
            yield _failure("body", None, f"Member must have length less than or equal to {MAXIMUM_INLINE_BODY_BYTES}")


def _text_failures(name: str, text: str, rule: _TextRule) -> Iterator[str]:
    if len(text) < rule.minimum:
        yield _failure(name, text, f"Member must have length greater than or equal to {rule.minimum}")
    elif len(text) > rule.maximum:
        yield _failure(name, text, f"Member must have length less than or equal to {rule.maximum}")
    if text and not rule.pattern.fullmatch(text):
        yield _failure(name, text, f"Member must satisfy regular expression pattern: {rule.aws_pattern}")


def _failure(name: str, value: object, constraint: str) -> str:
    member = _MEMBERS[name]
    shown = "Value" if name in _SENSITIVE else f"Value '{value}'"
    return f"{shown} at '{member[0].lower()}{member[1:]}' failed to satisfy constraint: {constraint}"


def _whole_number(name: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise InvocationError(f"Value '{text}' at {_HEADERS[name]} is not a whole number of seconds.")
    return int(text)
