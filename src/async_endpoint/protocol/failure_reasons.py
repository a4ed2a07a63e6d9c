"""Which failures another attempt may cure.

AWS documents no list of reasons. `ClientError: Received server error (500) from model` was captured by others, and the
status in it is the container's; the rest is decided in favour of another attempt, because their number is limited, and
a document that is given up too early is lost until somebody looks.
"""

from __future__ import annotations

import re

_FROM_MODEL = re.compile(r"Received (?:client|server) error \((\d{3})\)")
# 408, 425 and 429 say themselves that the same request may succeed later.
# https://www.rfc-editor.org/rfc/rfc9110#name-408-request-timeout, rfc8470, rfc6585
_SERVER_ERROR = 500
_LATER = frozenset({408, 425, 429})
# The input is missing, or the request itself is invalid: the next attempt would meet the same.
_PERMANENT = re.compile(
    r"\b(?:NoSuchKey|NoSuchBucket|ValidationError)\b|\b(?:object|s3://\S+) does not exist|The request expired after",
)


def is_transient(reason: str | None) -> bool:
    """Returns whether another attempt may succeed where one failed.

    Args:
        reason: The `failureReason` of SageMaker's notification; None if it has none.
    """
    if reason and (status := _FROM_MODEL.search(reason)):
        return int(status[1]) >= _SERVER_ERROR or int(status[1]) in _LATER
    return not (reason and _PERMANENT.search(reason))
