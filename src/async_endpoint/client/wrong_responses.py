"""Responses that are not what AWS sent: a web page of a proxy, or one whose connection broke within its headers."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import HTTPClientError
from urllib3 import HTTPResponse

from async_endpoint.protocol.response_headers import has_body_length

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

_SHOWN = 80
_OF_OBJECTS = frozenset({"GetObject", "HeadObject"})
_NOT_SENT_AGAIN = frozenset({"InvokeEndpointAsync"})  # the document would be processed twice


class NotFromAws(HTTPClientError):
    """The response is a web page. It may say anything, such as 200 for a request that never reached AWS."""

    fmt = "{operation}: the response {status} is a web page, not one of AWS: {page}"


class CutOff(HTTPClientError):
    """The response broke off within its headers, and the request must not be sent again: AWS has taken it."""

    fmt = "{operation}: the response {status} was cut off within its headers."


def reject_wrong_responses(events: BaseEventHooks) -> None:
    """Makes the clients of a session, or one client, take no wrong response for one of AWS.

    For a web page they raise NotFromAws. AWS's APIs answer in XML, JSON or CBOR. An object of S3 may itself be a page:
    what GetObject and HeadObject return is left out. So is a 5xx, which AWS's own servers may send as a page:
    botocore's parsers know it, and it is retried.

    A response of success that was cut off within its headers counts as a 500, which is retried: botocore would read it
    as one without content, such as an empty result. The length of its body, which may be 0, is lost then, or the rest
    of the body is. For a request that must not be sent again they raise CutOff.

    Args:
        events: Those of the session or the client.
    """
    # Before it is parsed: some of botocore's parsers raise a KeyError for a page.
    events.register("before-parse", _reject_page, unique_id="async-endpoint-page")
    # Handlers of a wildcard go before those of a service, and so before botocore's retries.
    events.register_first("needs-retry.*", fail_if_cut, unique_id="async-endpoint-cut")


def _reject_page(*, operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    is_page = response_dict["headers"].get("content-type", "").lower().startswith("text/html")
    status = response_dict["status_code"]
    is_object = operation_model.name in _OF_OBJECTS and status < HTTPStatus.MULTIPLE_CHOICES
    if not is_page or is_object or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    text = re.sub(r"<[^>]*>", " ", response_dict["body"][:2000].decode("utf-8", "replace"))
    page = " ".join(text.split())[:_SHOWN] or "it has no text"
    raise NotFromAws(operation=operation_model.name, status=status, page=page)


def fail_if_cut(*, response: tuple[AWSResponse, dict[str, Any]] | None, operation: OperationModel, **_: object) -> None:
    """Makes a response of success that was cut off within its headers a 500; botocore calls it before it may retry.

    Raises:
        CutOff: The request must not be sent again.
    """
    if response is None:
        return
    http_response, parsed = response
    status, headers = http_response.status_code, http_response.headers
    has_content = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.NO_CONTENT
    # What did not come over the network, as in a test, need not have a length.
    if not has_content or has_body_length(headers) or not isinstance(http_response.raw, HTTPResponse):
        return
    if operation.name in _NOT_SENT_AGAIN:
        raise CutOff(operation=operation.name, status=status)
    failure = HTTPStatus.INTERNAL_SERVER_ERROR
    http_response.status_code = failure.value
    parsed.clear()
    parsed["Error"] = {"Code": str(failure.value), "Message": "The response was cut off within its headers."}
    parsed["ResponseMetadata"] = {"HTTPStatusCode": failure.value, "HTTPHeaders": {}, "RetryAttempts": 0}
