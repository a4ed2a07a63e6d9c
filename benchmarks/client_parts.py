"""What `benchmarks client` measures, each in a process of its own: `python -m benchmarks.client_parts PART COUNT`.

Every part finds its endpoint through boto3's environment variables, sends COUNT documents, checks that each result is
of its document, and prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import uuid
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from async_endpoint.client import AsyncEndpoint, JobState, run_folder
from benchmarks.instant_endpoint import INPUTS

ENDPOINT = "benchmark"
RECEIPTS = Path(__file__).parents[1] / "samples" / "receipts"
CONTENT_TYPE = "application/x-image"
SHORTEST_TTL = 60  # that SageMaker takes
CONCURRENCY = 14  # calls at once; a thread takes the documents, and one collects: 16

_LOOP_SECONDS = 1.0  # between two rounds of the sequential loop that polls


def receipts(count: int) -> list[Path]:
    """Returns so many paths of receipts, again and again the same ones."""
    return list(islice(cycle(sorted(RECEIPTS.glob("*.jpg"))), count))


def peak_megabytes() -> float:
    """Returns the most memory that this process has had at once; Linux counts it from the start of its program."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def delay(size: int, result: dict[str, Any], name: str) -> float:
    """Returns the seconds since a result was written.

    Raises:
        RuntimeError: The result is of another document.
    """
    seconds = time.monotonic() - result["written_at"]
    if result["bytes"] != size:
        raise RuntimeError(f"{name} has {size} bytes, and its result says {result['bytes']}.")
    return float(seconds)


def stream(count: int, *, inline: bool) -> dict[str, Any]:
    """Sends documents through `AsyncEndpoint.map`."""
    documents = receipts(count)
    sizes = {str(path): path.stat().st_size for path in set(documents)}
    accepted: list[float] = []
    delays = []
    endpoint = AsyncEndpoint(ENDPOINT, input_location=f"s3://{INPUTS}/stream", concurrency=CONCURRENCY)
    began = time.monotonic()
    jobs = endpoint.map(
        documents, ordered=False, inline=inline, on_submitted=lambda _: accepted.append(time.monotonic())
    )
    for job in jobs:
        if job.output is None:
            raise RuntimeError(f"{job.document} has no result: {job.error}")
        delays.append(delay(sizes[job.document], job.output.json(), job.document))
    return {
        "submit_seconds": max(accepted) - began,
        "seconds": time.monotonic() - began,
        "delay": statistics.median(delays),
        "delays": len(delays),
    }


def folder(count: int) -> dict[str, Any]:
    """Sends a folder of documents, as `async-endpoint run` does, with a ticket."""
    with tempfile.TemporaryDirectory() as place:
        documents = Path(place, "documents")
        documents.mkdir()
        for number, receipt in enumerate(receipts(count)):
            (documents / f"{number:06}.jpg").write_bytes(receipt.read_bytes())
        progress = _Progress()
        endpoint = AsyncEndpoint(ENDPOINT, input_location=f"s3://{INPUTS}/run", concurrency=CONCURRENCY)
        began = time.monotonic()
        summary = run_folder(
            documents, endpoint, Path(place, "results.jsonl"), ticket=Path(place, "ticket"), progress=progress
        )
        if not summary.all_completed:
            raise RuntimeError(str(summary))
        return {
            "submit_seconds": max(progress.accepted) - began,
            "seconds": time.monotonic() - began,
            "delay": statistics.median(progress.delays),
            "delays": len(progress.delays),
        }


class _Progress:
    """Notes when documents are accepted, and how old their results are."""

    def __init__(self) -> None:
        self.accepted: list[float] = []
        self.delays: list[float] = []

    def start(self, documents: int) -> None: ...

    def submitted(self, _: Any) -> None:
        self.accepted.append(time.monotonic())

    def finished(self, job: Any) -> None:
        if job.output is not None:
            self.delays.append(delay(Path(job.document).stat().st_size, job.output.json(), job.document))

    def stop(self) -> None: ...


def loop(count: int) -> dict[str, Any]:
    """Uploads and submits one document after another, then polls for the results, one after another."""
    s3, runtime = boto3.client("s3"), boto3.client("sagemaker-runtime")
    delays = []
    began = time.monotonic()
    waiting: list[tuple[Path, str]] = []
    for path in receipts(count):
        key = f"loop/{uuid.uuid4()}/{path.name}"
        s3.upload_file(str(path), INPUTS, key, ExtraArgs={"ContentType": CONTENT_TYPE})
        response = runtime.invoke_endpoint_async(
            EndpointName=ENDPOINT, InputLocation=f"s3://{INPUTS}/{key}", ContentType=CONTENT_TYPE
        )
        waiting.append((path, response["OutputLocation"]))
    submitted = time.monotonic() - began
    while waiting:
        missing = []
        for path, location in waiting:
            bucket, _, key = location.removeprefix("s3://").partition("/")
            try:
                s3.head_object(Bucket=bucket, Key=key)
            except ClientError:
                missing.append((path, location))
                continue
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            delays.append(delay(path.stat().st_size, json.loads(body), path.name))
        waiting = missing
        if waiting:
            time.sleep(_LOOP_SECONDS)
    return {
        "submit_seconds": submitted,
        "seconds": time.monotonic() - began,
        "delay": statistics.median(delays),
        "delays": len(delays),
    }


def silent(count: int) -> dict[str, Any]:
    """Sends documents to an endpoint that never answers: each expires, and the stream ends without being told to."""
    endpoint = AsyncEndpoint(ENDPOINT, concurrency=CONCURRENCY, grace_seconds=1)
    began = time.monotonic()
    jobs = endpoint.map(receipts(count), inline=True, ttl=SHORTEST_TTL, invocation_timeout=1)
    states = [job.state for job in jobs]
    return {"seconds": time.monotonic() - began, "expired": states.count(JobState.EXPIRED)}


PARTS = {
    "stream": lambda count: stream(count, inline=False),
    "inline": lambda count: stream(count, inline=True),
    "folder": folder,
    "loop": loop,
    "silent": silent,
}


if __name__ == "__main__":
    measured = PARTS[sys.argv[1]](int(sys.argv[2]))
    used = {"peak_megabytes": peak_megabytes(), "processor_seconds": time.process_time()}
    sys.stdout.write(json.dumps(measured | used) + "\n")
