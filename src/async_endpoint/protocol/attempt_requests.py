"""The message that asks for another attempt of a job; it goes to the intake queue, like the event of an upload.

Its form is that of EventBridge's events, so that both kinds are told apart by the same two members.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCE = "async-endpoint"
_DETAIL_TYPE = "Attempt Requested"


class AttemptRequestError(ValueError):
    """A request for an attempt that lacks a member; the message is one sentence."""


@dataclass(frozen=True)
class AttemptRequest:
    """A request to submit a job's document, which waits in the jobs table as RECEIVED.

    Attributes:
        job_id: The job.
        attempt: The number of the attempt, from 1.
    """

    job_id: str
    attempt: int

    def to_message(self) -> str:
        """Returns the body of the message."""
        detail = {"job_id": self.job_id, "attempt": self.attempt}
        return json.dumps({"source": _SOURCE, "detail-type": _DETAIL_TYPE, "detail": detail})

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> AttemptRequest | None:
        """Returns the request in the parsed body of a message; None if the message is of another kind.

        Raises:
            AttemptRequestError: It is a request, but its members are not those of one.
        """
        if event.get("source") != _SOURCE or event.get("detail-type") != _DETAIL_TYPE:
            return None
        detail = event.get("detail")
        job_id, attempt = (detail.get("job_id"), detail.get("attempt")) if isinstance(detail, dict) else (None, None)
        if not isinstance(job_id, str) or not job_id or type(attempt) is not int or attempt < 1:
            raise AttemptRequestError(
                f"A request for an attempt names a job_id and an attempt of 1 or more: {detail!r}."
            )
        return cls(job_id, attempt)
