"""The jobs of the documents that an earlier process of a run submitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.client.jobs import Job
from async_endpoint.client.ticket_lines import acceptance_of
from async_endpoint.client.ticket_schema import DocumentState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.ticket import Ticket
    from async_endpoint.client.ticket_schema import Entry


def queued_jobs(ticket: Ticket, endpoint: AsyncEndpoint) -> Iterator[tuple[Entry, Job]]:
    """Yields the queued documents of a ticket, with jobs that have the rest of their time.

    Raises:
        StorageError: The time of the service could not be read.
    """
    poller, settings, folder = endpoint.poller, ticket.settings, Path(ticket.settings.folder)
    allowed = settings.ttl + settings.invocation_timeout + endpoint.grace_seconds
    service_now: datetime | None = None
    for entry in ticket.entries(DocumentState.QUEUED):
        acceptance = acceptance_of(entry)
        if service_now is None:
            page = poller.transport.list_page(acceptance.output_location, start_after="")
            service_now = page.listed_at or acceptance.accepted_at
        # Both times are the service's: this machine's clock may have been set since.
        elapsed = max(0.0, (service_now - acceptance.accepted_at).total_seconds())
        now = poller.clock()
        job = Job(
            document=str(entry.source(folder)),
            inference_id=entry.inference_id,
            acceptance=acceptance,
            submitted_at=now - elapsed,
            deadline=now + max(endpoint.grace_seconds, allowed - elapsed),
            wait=poller.wait,
            has_new_key=True,
        )
        yield entry, job
