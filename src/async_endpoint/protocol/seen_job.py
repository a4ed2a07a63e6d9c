"""A job as one caller has seen it, from which its next write begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_endpoint.protocol.job_record import JobRecord

if TYPE_CHECKING:
    from collections.abc import Mapping


class SeenJob:
    """The item of a job as one caller has read or written it last, so that its next write needs no read.

    Others may have written the item since. Each write therefore has the item's revision as its condition; if that
    fails, the item is read again and the decision made anew. A decision not to write has no such check. It rests on
    facts that never go back (an outcome, a submission, a later attempt), or on what was true after the message about
    the job had come. A claim may go back, so `JobsTableWriter.claim` reads again before it yields to one.

    Read a job after the message about it has come, and process one message with it.

    Attributes:
        item: The item; after a write of the caller, without attributes that are unknown here. None if the table is
            assumed to have none, as for a new job: then every decision is a write.
    """

    __slots__ = ("item",)

    def __init__(self, item: Mapping[str, Any] | None = None) -> None:
        self.item = item

    @property
    def record(self) -> JobRecord | None:
        """The job; None for an item that does not exist."""
        return JobRecord.from_item(self.item) if self.item else None
