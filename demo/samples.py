"""Sends the sample receipts to a deployed endpoint: most through the client, some through the inbox."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3

from async_endpoint.client import AsyncEndpoint, JobState, Progress, ResultTimeout, RunSummary, run_folder
from async_endpoint.protocol import S3Location
from demo import inbox
from demo.deployment import ROOT, Deployment, DeploymentError

RECEIPTS = ROOT / "samples" / "receipts"
BY_CLIENT, BY_INBOX = "receipt-0[0-8]?.jpg", "receipt-09?.jpg"  # ninety, and ten

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class SampleRun:
    """The outcome of every sample.

    Attributes:
        by_client: The documents that the client sent.
        by_inbox: The documents that were uploaded to the inbox.
        seconds: Seconds for all of them.
        woke: Seconds from the client's first accepted request to the first output object.
    """

    by_client: RunSummary
    by_inbox: list[inbox.InboxResult]
    seconds: float
    woke: float

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.by_client.jobs) + len(self.by_inbox)

    @property
    def completed(self) -> int:
        """The number of documents with a result, as the client or the jobs table reports it."""
        return self.by_client.count(JobState.COMPLETED) + sum(result.completed for result in self.by_inbox)

    def results(self) -> Iterator[tuple[str, bytes | None]]:
        """Yields each document's name with its result, ordered by name; None for a document that failed."""
        for job in self.by_client.jobs:
            yield Path(job.document).name, job.output.body if job.output else None
        for result in self.by_inbox:
            yield result.document, result.body


def process_samples(deployment: Deployment, results: Path, *, deadline: float, progress: Progress) -> SampleRun:
    """Uploads ten samples to the inbox, sends ninety through the client, and waits for all results.

    Args:
        deployment: The deployed app.
        results: The file that gets one line of JSON for each document; replaced if it exists.
        deadline: Seconds to wait for all results.
        progress: Shows the progress of the client's documents.

    Raises:
        DeploymentError: Results of the client's documents were missing at the deadline; says what the endpoint does.
        AsyncEndpointError: The endpoint does not exist, or S3 or the jobs table is unavailable.
    """
    began = time.monotonic()
    uploaded = inbox.upload(sorted(RECEIPTS.glob(BY_INBOX)), S3Location.from_prefix_uri(deployment.inbox))
    endpoint = AsyncEndpoint(deployment.endpoint, input_location=S3Location(deployment.inputs, "demo/"))
    first_output = _FirstOutput(deployment.outputs)
    first_output.start()
    try:
        by_client = run_folder(RECEIPTS, endpoint, results, pattern=BY_CLIENT, timeout=deadline, progress=progress)
        by_inbox = inbox.collect(uploaded, deployment.jobs_table, deadline)
    except ResultTimeout as error:
        status, variant = deployment.describe()["EndpointStatus"], deployment.variant()
        raise DeploymentError(
            f"Some results were missing after {deadline:.0f} s: the endpoint is {status} with "
            f"{variant['CurrentInstanceCount']} of {variant['DesiredInstanceCount']} instances. {error}"
        ) from error
    finally:
        first_output.stop()
    finished = time.monotonic()
    inbox.append_to(results, by_inbox)
    accepted = min(job.submitted_at for job in by_client.jobs)
    return SampleRun(by_client, by_inbox, finished - began, (first_output.seen_at or finished) - accepted)


class _FirstOutput(threading.Thread):
    """Records when the first object appears in a bucket, on the clock that jobs use."""

    def __init__(self, bucket: str) -> None:
        super().__init__(daemon=True)
        self.seen_at: float | None = None
        self._bucket = bucket
        self._stopped = threading.Event()

    def run(self) -> None:
        """Polls until there is an object."""
        s3 = boto3.client("s3")
        while not self._stopped.wait(_POLL_SECONDS):
            if s3.list_objects_v2(Bucket=self._bucket, MaxKeys=1)["KeyCount"]:
                self.seen_at = time.monotonic()
                return

    def stop(self) -> None:
        """Stops polling."""
        self._stopped.set()
        self.join()
