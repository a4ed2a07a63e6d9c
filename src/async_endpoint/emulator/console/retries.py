"""The button that submits a document again: which documents have one, and what it does.

It runs `async-endpoint retry`, as an operator would: the pages know nothing of how an attempt is made.
"""

from __future__ import annotations

import hmac
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from async_endpoint.emulator.console.workflow import EndpointWorkflow
from async_endpoint.protocol import JobRecord, JobRecordError, JobState, attempt_id, record_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from async_endpoint.emulator.api.region_services import RegionServices
    from async_endpoint.emulator.clients import AwsClients
    from async_endpoint.emulator.console.overview import Json

    Retry = Callable[[AwsClients, str, str], None]  # clients, workflow stack, job

_COMPLETED = "Completed"
_COMMAND_SECONDS = 60.0
_TRIAL = "It is only tried whether there can be another attempt."
_NO_WORKFLOW = "The endpoint has no workflow stack: the caller has to submit the document again."
_NO_TABLE = "The jobs table cannot be read now: load the page again."
_NO_JOB = "It was submitted directly and is not a job: the caller has to submit it again."


class NotRetried(Exception):
    """The document was not submitted again; the message is a sentence with the reason."""


@dataclass(frozen=True)
class RetryOffer:
    """What the page offers for a document without a result.

    Attributes:
        job_id: The job to submit again; None if there is no button.
        note: Why there is no button; empty if there is one.
    """

    job_id: str | None
    note: str = ""


def offers(workflow: EndpointWorkflow | None, documents: list[Json]) -> dict[int, RetryOffer]:
    """Returns the offers by number for the documents that failed or expired, or whose job was cancelled."""
    jobs = {} if workflow is None else workflow.jobs([item["inference_id"] for item in documents])
    found = {}
    for item in documents:
        job = (jobs or {}).get(item["inference_id"])
        if item["status"] == _COMPLETED and (job is None or job.state is not JobState.CANCELLED):
            continue
        if workflow is None or jobs is None:
            found[item["number"]] = RetryOffer(None, _NO_WORKFLOW if workflow is None else _NO_TABLE)
        else:
            found[item["number"]] = _offer(item, job)
    return found


def _offer(item: Json, job: JobRecord | None) -> RetryOffer:
    if job is None:
        return RetryOffer(None, _NO_JOB)
    if attempt_id(job.job_id, job.attempt) != item["inference_id"]:
        return RetryOffer(None, f"The job has been submitted again: attempt {job.attempt} is {job.state}.")
    try:
        record_attempt(job, cause=_TRIAL, at=datetime.now(UTC))
    except JobRecordError as error:
        return RetryOffer(None, str(error))
    return RetryOffer(job.job_id)


class RetryForm:
    """The form behind the button; only pages of this process know its token.

    Args:
        retry: Submits a job again.
    """

    def __init__(self, retry: Retry | None = None) -> None:
        self.token = secrets.token_urlsafe(32)
        self._retry = retry or run_retry

    def read(self, body: bytes) -> Mapping[str, str]:
        """Returns the fields of a posted form.

        Raises:
            NotRetried: It does not have the token of this process's pages.
        """
        fields = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if not hmac.compare_digest(fields.get("token", "").encode(), self.token.encode()):
            raise NotRetried("The page is not of this local AWS, or is older than its start: load it again.")
        return fields

    def submit(self, region: RegionServices | None, endpoint: str, job: str) -> None:
        """Submits a job of an endpoint again.

        Raises:
            NotRetried: The endpoint has no workflow, or the command failed.
        """
        workflow = None if region is None else EndpointWorkflow.find(region.clients, endpoint)
        if region is None or workflow is None:
            raise NotRetried(f"There is no workflow stack of an endpoint {endpoint} any more.")
        self._retry(region.clients, workflow.stack, job)


def run_retry(clients: AwsClients, stack: str, job: str) -> None:
    """Runs `async-endpoint retry`; the faults of the local AWS strike it like any other caller.

    Raises:
        NotRetried: The command failed.
    """
    command = [sys.executable, "-m", "async_endpoint.cli", "retry", "--stack", stack, "--", job]
    try:
        run = subprocess.run(
            command,
            env=dict(os.environ) | _variables(clients),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotRetried(f"`async-endpoint retry` took more than {_COMMAND_SECONDS:g} s: try it again.") from error
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["`async-endpoint retry` failed without a word."]
        raise NotRetried(lines[-1].removeprefix("Error: "))


def _variables(clients: AwsClients) -> dict[str, str]:
    """Returns what points boto3 at this local AWS; its process has no other setting for AWS in its environment."""
    return {
        "AWS_ENDPOINT_URL": clients.endpoint_url,
        "AWS_ACCESS_KEY_ID": clients.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": clients.region,
        "AWS_DEFAULT_REGION": clients.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "localhost,127.0.0.1",
    }
