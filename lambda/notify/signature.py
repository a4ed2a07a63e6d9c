"""Signs what a webhook gets, in the form of Standard Webhooks.

EventBridge may write the same JSON with other bytes. So the signed text is a string inside the body, which is the same
string after any parser. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PREFIX = "whsec_"
_LEAST_BYTES = 24


class SecretError(ValueError):
    """A secret that cannot sign; the message is one sentence, without the secret."""


@dataclass(frozen=True)
class Signer:
    """Signs with one key, or with several while one replaces another.

    Attributes:
        secret: Returns the text of the secret, which may change at any time: keys, separated by blanks.
        clock: Epoch seconds.
    """

    secret: Callable[[], str]
    clock: Callable[[], float]

    def envelope(self, detail: Mapping[str, Any]) -> dict[str, str]:
        """Returns the body of the webhook's request for the detail of an event.

        Raises:
            SecretError: The secret has no key, or one that is not valid.
        """
        message_id, timestamp = str(detail["deduplication_key"]), str(int(self.clock()))
        payload = json.dumps(detail)
        signature = sign(parse_keys(self.secret()), f"{message_id}.{timestamp}.{payload}")
        return {"id": message_id, "timestamp": timestamp, "payload": payload, "signature": signature}


def sign(keys: Iterable[bytes], text: str) -> str:
    """Returns a signature by each key, separated by blanks."""
    digests = (hmac.digest(key, text.encode(), hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def parse_keys(secret: str) -> list[bytes]:
    """Returns the keys in the text of a secret.

    Raises:
        SecretError: The secret is missing or not valid.
    """
    keys = [_parse_key(text) for text in secret.split()]
    if not keys:
        raise SecretError("The webhook's secret is empty: put a key into it, as docs/events.md describes.")
    return keys


def _parse_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) < _LEAST_BYTES:
        raise SecretError(
            f"A key in the webhook's secret is not valid: it takes {_PREFIX} and then {_LEAST_BYTES} bytes or more in "
            "base64, as docs/events.md describes."
        )
    return key
