"""Has the sample receipts read by a deployed endpoint: most by the client, some through the inbox."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3

from async_endpoint.cli import RunSummary, run_folder
from async_endpoint.client import AsyncEndpoint, JobState, ResultTimeout
from async_endpoint.client.folder_run import Progress
from async_endpoint.protocol import S3Location
from demo import inbox
from demo.deployment import ROOT, Deployment, DeploymentError

RECEIPTS = ROOT / "samples" / "receipts"
BY_CLIENT, BY_INBOX = "receipt-0[0-8]?.jpg", "receipt-09?.jpg"  # ninety, and ten

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Reading:
    """What became of the samples.

    Attributes:
        run: Those that the client sent.
        by_inbox: Those that were put into the inbox.
        seconds: For all of them.
        woke: Seconds from the first request that the client had accepted to the first output object.
    """

    run: RunSummary
    by_inbox: list[inbox.InboxResult]
    seconds: float
    woke: float

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.run.jobs) + len(self.by_inbox)

    @property
    def completed(self) -> int:
        """How many have an answer: by the client's own account, or by the jobs table's."""
        return self.run.count(JobState.COMPLETED) + sum(result.completed for result in self.by_inbox)

    def answers(self) -> Iterator[tuple[str, bytes | None]]:
        """Each document's name with its answer, in the order of the names."""
        for job in self.run.jobs:
            yield Path(job.document).name, job.answer.body if job.answer else None
        for result in self.by_inbox:
            yield result.document, result.answer


def read_samples(deployment: Deployment, results: Path, *, deadline: float, progress: Progress) -> Reading:
    """Put ten samples into the inbox, send ninety with the client, and wait for all.

    Args:
        deployment: The deployed app.
        results: One line of JSON for each document goes there; replaced if it exists.
        deadline: Seconds to wait for all answers.
        progress: Is told how the client's part gets on.

    Raises:
        DeploymentError: The client's documents were not all answered by the deadline; says what the endpoint does.
        AsyncEndpointError: The endpoint is not there, or S3 or the jobs table could not be asked.
    """
    began = time.monotonic()
    places = inbox.put(sorted(RECEIPTS.glob(BY_INBOX)), S3Location.parse_prefix(deployment.inbox))
    endpoint = AsyncEndpoint(deployment.endpoint, input_location=S3Location(deployment.inputs, "demo/"))
    first_output = _FirstOutput(deployment.outputs)
    first_output.start()
    try:
        run = run_folder(RECEIPTS, endpoint, results, pattern=BY_CLIENT, timeout=deadline, progress=progress)
        by_inbox = inbox.collect(places, deployment.jobs_table, deadline)
    except ResultTimeout as error:
        status, variant = deployment.describe()["EndpointStatus"], deployment.variant()
        raise DeploymentError(
            f"Not every document was answered within {deadline:.0f} s: the endpoint is {status} with "
            f"{variant['CurrentInstanceCount']} of {variant['DesiredInstanceCount']} instances. {error}"
        ) from error
    finally:
        first_output.stop()
    ended = time.monotonic()
    inbox.append_to(results, by_inbox)
    accepted = min(job.submitted_at for job in run.jobs)
    return Reading(run, by_inbox, ended - began, (first_output.seen_at or ended) - accepted)


class _FirstOutput(threading.Thread):
    """Notes when the first object appears in a bucket, on the clock that jobs use."""

    def __init__(self, bucket: str) -> None:
        super().__init__(daemon=True)
        self.seen_at: float | None = None
        self._bucket = bucket
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until there is one."""
        s3 = boto3.client("s3")
        while not self._stopped.wait(_POLL_SECONDS):
            if s3.list_objects_v2(Bucket=self._bucket, MaxKeys=1)["KeyCount"]:
                self.seen_at = time.monotonic()
                return

    def stop(self) -> None:
        """Look no longer."""
        self._stopped.set()
        self.join()
