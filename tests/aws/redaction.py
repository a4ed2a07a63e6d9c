"""What a recording must not tell: whose account it was, and what its endpoint is called."""

import re
from typing import Any

ENDPOINT = "recorded"
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_ARN = re.compile(r"arn:aws[a-z-]*:[^\s\",]+")
_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


def redacted(value: Any, endpoint: str) -> Any:
    """Return the value with ARNs, account numbers, access keys and the endpoint's name replaced, however deep."""
    match value:
        case str():
            text = _ARN.sub("arn", value)
            return _KEY.sub("key", _ACCOUNT.sub("000000000000", text)).replace(endpoint, ENDPOINT)
        case dict():
            return {name: redacted(inner, endpoint) for name, inner in value.items()}
        case list():
            return [redacted(inner, endpoint) for inner in value]
        case _:
            return value
