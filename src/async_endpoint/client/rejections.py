"""Submitting one of many documents: one that is rejected becomes a FAILED job and does not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.client.errors import SubmitError
from async_endpoint.client.result_names import new_inference_id, result_filename

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from async_endpoint.client.jobs import Job
    from async_endpoint.protocol import S3Location


def named_by_age(submit: Callable[..., Job]) -> Callable[[Path | bytes | S3Location | str], Job]:
    """Returns `submit` with a new id for each document, and a result of that name: see `result_names`."""

    def submit_one(document: Path | bytes | S3Location | str) -> Job:
        inference_id = new_inference_id()
        job = submit(document, inference_id=inference_id, filename=result_filename(inference_id))
        job.has_new_key = True
        return job

    return submit_one


def with_rejections(
    submit: Callable[[Path | bytes | S3Location | str], Job],
    not_accepted: Callable[[Path | bytes | S3Location | str, SubmitError], Job],
    *,
    raised: tuple[type[SubmitError], ...],
    on_submitted: Callable[[Job], None] | None,
) -> Callable[[Path | bytes | S3Location | str], Job]:
    """Returns `submit`, whose errors become the jobs of `not_accepted`, except those of `raised`.

    `on_submitted` is called with each job, accepted or not.
    """

    def submit_one(document: Path | bytes | S3Location | str) -> Job:
        try:
            job = submit(document)
        except SubmitError as error:
            if isinstance(error, raised):
                raise
            job = not_accepted(document, error)
        if on_submitted:
            on_submitted(job)
        return job

    return submit_one
