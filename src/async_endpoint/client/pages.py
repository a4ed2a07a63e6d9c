"""Web pages in place of responses of AWS: a proxy that blocks, or a server that is not AWS."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import HTTPClientError

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

_SHOWN = 80
_OF_OBJECTS = frozenset({"GetObject", "HeadObject"})


class NotFromAws(HTTPClientError):
    """The response is a web page. It may say anything, such as 200 for a request that never reached AWS."""

    fmt = "{operation}: the response {status} is a web page, not one of AWS: {page}"


def reject_pages(events: BaseEventHooks) -> None:
    """Makes the clients of a session, or one client, raise NotFromAws for a response that is a web page.

    AWS's APIs answer in XML, JSON or CBOR. An object of S3 may itself be a page: what GetObject and HeadObject return
    is left out. So is a 5xx, which AWS's own servers may send as a page: botocore's parsers know it, and it is retried.

    Args:
        events: Those of the session or the client.
    """
    # Before it is parsed: some of botocore's parsers raise a KeyError for a page.
    events.register("before-parse", _reject_page, unique_id="async-endpoint-pages")


def _reject_page(*, operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    is_page = response_dict["headers"].get("content-type", "").lower().startswith("text/html")
    status = response_dict["status_code"]
    is_object = operation_model.name in _OF_OBJECTS and status < HTTPStatus.MULTIPLE_CHOICES
    if not is_page or is_object or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    text = re.sub(r"<[^>]*>", " ", response_dict["body"][:2000].decode("utf-8", "replace"))
    page = " ".join(text.split())[:_SHOWN] or "it has no text"
    raise NotFromAws(operation=operation_model.name, status=status, page=page)
