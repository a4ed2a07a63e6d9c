"""What the model said about a failure: SageMaker stores the body of its response as the failure object.

SageMaker's own reason names the status and points to the logs; the sentence that helps is in the object.
"""

from __future__ import annotations

import json
from typing import Any

FAILURE_OBJECT_BYTES = 65_536
"""How much of a failure object is worth reading."""

_LONGEST = 500
# Of the bundled handlers, of web frameworks, and of TorchServe's own errors, in this order.
_MEMBERS = ("error", "message", "detail", "errorMessage")


def failure_sentence(body: bytes) -> str | None:
    """Returns the sentence in a failure object, as one line of up to 500 characters; None if there is none.

    Args:
        body: The object, or its beginning: JSON with the sentence in a usual place, or text, whose first line counts.
    """
    text = body.decode("utf-8", "replace")
    try:
        found = _find(json.loads(text))
    except (ValueError, RecursionError):
        found = next((line for line in text.splitlines() if line.strip()), None)
    if found is None:
        return None
    line = " ".join("".join(each if each.isprintable() else " " for each in found).split())
    return (line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…") or None


def _find(value: Any) -> str | None:  # a JSON document can be anything
    """Returns the text in a parsed failure object, which may have it one level down."""
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = next((value[name] for name in _MEMBERS if value.get(name)), None)
    return value if isinstance(value, str) else None
