"""Parses the listings of an S3 client in a quarter of botocore's time.

botocore takes 60 ms for a page of 1,000 objects, most of it in dateutil, and holds the interpreter meanwhile: polling
many results would slow their submissions. The client needs only keys and times.

For every response of S3 botocore parses the body once more, to find an error in a response of status 200. That is
registered for a wildcard, which goes before the name of an operation: it is registered again behind the parser here,
which leaves it little to parse.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from botocore import handlers

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_s3.client import S3Client

_PARSING = "before-parse.s3.*"


def parse_listings_quickly(s3: S3Client) -> None:
    """Lets a client return each object of ListObjectsV2 with Key and LastModified alone.

    A response that does not look as expected is left to botocore.
    """
    events, find_errors = s3.meta.events, getattr(handlers, "_handle_200_error", None)
    if find_errors is not None:
        events.unregister(_PARSING, find_errors)
    events.register_first(_PARSING, _parse_listing)
    if find_errors is not None:
        events.register_first(_PARSING, find_errors)


def _parse_listing(*, operation_model: OperationModel, **response: Any) -> None:  # a handler of every operation
    if operation_model.name == "ListObjectsV2":
        _parse_contents(**response)


def _parse_contents(*, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Parses the objects, and leaves the rest of the response to botocore's own parser."""
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    try:
        root = ET.fromstring(response_dict["body"])  # noqa: S314 - from S3, as botocore itself parses it
        namespace = root.tag.rpartition("}")[0]
        tags = [f"{namespace}}}{name}" if namespace else name for name in ("Contents", "Key", "LastModified")]
        found = root.findall(tags[0])
        contents = [{"Key": _text(each, tags[1]), "LastModified": _time(_text(each, tags[2]))} for each in found]
    except (ET.ParseError, ValueError):
        return
    if contents:
        root[:] = [child for child in root if child.tag != tags[0]]
        response_dict["body"] = ET.tostring(root)
        customized_response_dict["Contents"] = contents


def _text(parent: ET.Element, tag: str) -> str:
    text = parent.findtext(tag)
    if text is None:
        raise ValueError(f"An object of the listing has no {tag}.")
    return text


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone.")
    return moment
