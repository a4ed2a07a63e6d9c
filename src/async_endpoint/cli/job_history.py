"""What `async-endpoint status --history` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from async_endpoint.cli.one_line import one_line
from async_endpoint.operations.jobs.history import history_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.protocol import JobRecord

_TIME_COLUMNS = 24


def history_lines(job: JobRecord, *, as_json: bool) -> Iterator[str]:
    """Yields one line for each event of a job, for people or in JSON."""
    for event in history_of(job):
        if as_json:
            yield json.dumps({"job_id": job.job_id, **vars(event)}, ensure_ascii=False)
        else:
            attempt = f"attempt {event.attempt} " if event.attempt else ""
            text = f": {one_line(event.text)}" if event.text else ""
            yield f"{event.at or '':<{_TIME_COLUMNS}}  {attempt}{event.what}{text}"
