"""What the headers of an HTTP response say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def has_body_length(headers: Mapping[str, str]) -> bool:
    """Returns whether a header says where the body ends, as in each response of AWS that has or may have a body.

    One whose connection broke within its headers has none: the HTTP client of Python takes what came for all of them.
    https://www.rfc-editor.org/rfc/rfc9112#section-6.3

    Args:
        headers: Any case will do if the mapping takes any case, else names in lower case.
    """
    is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    return is_chunked or headers.get("content-length", "").strip().isdigit()
