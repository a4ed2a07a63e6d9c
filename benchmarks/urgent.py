"""Urgent documents behind 5,000 others, for real: the wait from upload to processing, in lengths of a batch.

The whole stage runs on a local AWS in real time: its templates, its deployed functions, TorchServe, and a model that
takes 4 seconds for a batch of up to 8. So the model is what the documents wait for, not this machine. The model itself
records when each batch begins: SageMaker reports no such time. `benchmarks lanes` simulates the same on more instances.
"""

from __future__ import annotations

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmarks.result import Result, progress
from benchmarks.urgent_stage import BATCH, Stage, TooLate, deployed, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DOCUMENTS = 5_000
LEAST_DOCUMENTS = 700  # so many last until the last urgent one
MOST_BATCHES = 2.0
LEAST_SHARE = 0.95
BATCH_SECONDS = 4.0
URGENT = 12
URGENT_IN_BURST = 4
SEED = 0

_GAP_SECONDS = (2 * BATCH_SECONDS, 4 * BATCH_SECONDS)  # so that urgent ones do not wait for each other
_UPLOADERS = 8
_SETTLED_BATCHES = 3
_SECONDS = 300.0  # for what should take a minute or two
_INBOX, _URGENT_INBOX = "inbox/", "inbox-urgent/"


@dataclass(frozen=True)
class Batch:
    """A batch as the model records it, in epoch seconds."""

    began: float
    ended: float
    size: int


@dataclass(frozen=True)
class Wait:
    """What an urgent document waited for, in epoch seconds.

    Attributes:
        uploaded: Just before PutObject was called.
        accepted: SageMaker's 202, by the job's record.
        began: Its batch, by the model's record.
    """

    uploaded: float
    accepted: float
    began: float

    @property
    def batches(self) -> float:
        """From the upload to the beginning of its batch, in lengths of a batch."""
        return (self.began - self.uploaded) / BATCH_SECONDS

    @property
    def intake_seconds(self) -> float:
        """From the upload to the 202: event, queue and function."""
        return self.accepted - self.uploaded


def run(documents: int = DOCUMENTS) -> Result:
    """Deploys the stage, uploads the documents, and urgent ones while the others wait.

    Args:
        documents: How many wait; at least `LEAST_DOCUMENTS`.

    Raises:
        TooLate: A step did not happen in time, or the others were done too early.
    """
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    with deployed(BATCH_SECONDS) as stage:
        in_burst = _burst(stage, documents, chance)
        progress("Waiting until all others are put aside …")
        wait_until(lambda: not stage.queued(), _SECONDS, "The end of the intake queue")
        time.sleep(_SETTLED_BATCHES * BATCH_SECONDS)
        uploads = _upload_urgent(stage, [chance.uniform(*_GAP_SECONDS) for _ in range(URGENT)])
        records = _records(stage, [*uploads, *in_burst])
        waits, burst_waits = (_waits(stage, records, each) for each in (uploads, in_burst))
    if done_before(max(uploads.values()), records) > documents - 2 * BATCH:
        raise TooLate(f"All {documents} documents were done before the last urgent one: take more of them.")
    return _result(documents, waits, burst_waits, batches_of(records.values()))


def batches_of(records: Iterable[Mapping[str, Any]]) -> list[Batch]:
    """Returns the batches in the model's records, in the order of time."""
    found = {Batch(each["began"], each["ended"], each["size"]) for each in records}
    return sorted(found, key=lambda batch: batch.began)


def throughput(batches: Sequence[Batch], since: float, until: float) -> float:
    """Returns documents a second, from the end of the first batch of a span to the end of its last one."""
    ends = [batch for batch in batches if since <= batch.ended <= until]
    return sum(batch.size for batch in ends[1:]) / (ends[-1].ended - ends[0].ended)


def begun_before(batches: Sequence[Batch], wait: Wait) -> int:
    """Returns how many batches began after an upload and before that of the document."""
    return sum(wait.uploaded < batch.began < wait.began for batch in batches)


def done_before(moment: float, records: Mapping[str, Mapping[str, Any]]) -> int:
    """Returns how many documents that are not urgent were done before a moment."""
    return sum(key.startswith(_INBOX) and each["ended"] < moment for key, each in records.items())


def _burst(stage: Stage, documents: int, chance: random.Random) -> dict[str, float]:
    """Uploads the documents as fast as they go, with some urgent ones between them; returns when those were."""
    stage.put(f"{_INBOX}first")
    wait_until(stage.results, _SECONDS, "The first result")
    progress(f"Uploading {documents} documents …")
    urgent = {chance.randrange(documents // 4, documents): number for number in range(URGENT_IN_BURST)}
    uploaded: dict[str, float] = {}

    def upload(number: int) -> None:
        if number in urgent:
            key = f"{_URGENT_INBOX}in-burst-{urgent[number]}"
            uploaded[key] = time.time()
            stage.put(key)
        stage.put(f"{_INBOX}{number:05d}")

    began = time.monotonic()
    with ThreadPoolExecutor(_UPLOADERS) as threads:
        list(threads.map(upload, range(documents)))
    progress(f"{documents} documents are uploaded in {time.monotonic() - began:.0f} s.")
    return uploaded


def _upload_urgent(stage: Stage, gaps: Sequence[float]) -> dict[str, float]:
    """Uploads an urgent document after each gap; returns when."""
    uploaded: dict[str, float] = {}
    for number, gap in enumerate(gaps):
        time.sleep(gap)
        key = f"{_URGENT_INBOX}{number}"
        uploaded[key] = time.time()
        stage.put(key)
        progress(f"urgent document {number + 1} of {len(gaps)} is uploaded")
    return uploaded


def _records(stage: Stage, urgent: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Waits for the results of all urgent documents; returns the model's records by document."""
    records: dict[str, dict[str, Any]] = {}

    def are_done() -> bool:
        records.update({each["document"]: each for each in stage.results()})
        return all(key in records for key in urgent)

    time.sleep(3 * BATCH_SECONDS)  # to read all results is work for the machine that the last one waits on
    wait_until(are_done, _SECONDS, "The result of each urgent document")
    return records


def _waits(stage: Stage, records: Mapping[str, Mapping[str, Any]], uploads: Mapping[str, float]) -> list[Wait]:
    found = []
    for key, uploaded in uploads.items():
        accepted = stage.accepted_at(key)
        if accepted is None:
            raise TooLate(f"The job of {key} has no time of its acceptance.")
        found.append(Wait(uploaded, datetime.fromisoformat(accepted).timestamp(), records[key]["began"]))
    return found


def _result(documents: int, waits: Sequence[Wait], in_burst: Sequence[Wait], batches: Sequence[Batch]) -> Result:
    per_second = throughput(batches, waits[0].uploaded, waits[-1].began)
    share = per_second * BATCH_SECONDS / BATCH
    for wait in waits:
        after = (wait.began - wait.accepted) / BATCH_SECONDS
        progress(f"{wait.batches:.2f} batches, {after:.2f} of them after {wait.intake_seconds:.2f} s of the intake")
    longest = max(wait.batches for wait in waits)
    progress(f"longest {longest:.2f} batches; {per_second:.2f} documents a second, {share:.3f} of the model's rate")
    intake = [wait.intake_seconds for wait in waits]
    return Result(
        ratio=longest,
        goal=MOST_BATCHES,
        at_most=True,
        conditions={"throughput_ok": share >= LEAST_SHARE},
        figures={
            "documents": documents,
            "batch": BATCH,
            "batch_seconds": BATCH_SECONDS,
            "urgent_batches": [round(wait.batches, 2) for wait in waits],
            "batches_begun_before": [begun_before(batches, wait) for wait in waits],
            "intake_seconds_median": round(statistics.median(intake), 2),
            "intake_seconds_most": round(max(intake), 2),
            "documents_a_second": round(per_second, 3),
            "models_documents_a_second": BATCH / BATCH_SECONDS,
            "share_of_the_models_rate": round(share, 3),
            "urgent_batches_in_burst": [round(wait.batches, 2) for wait in in_burst],
            "intake_seconds_in_burst": [round(wait.intake_seconds, 2) for wait in in_burst],
        },
    )
