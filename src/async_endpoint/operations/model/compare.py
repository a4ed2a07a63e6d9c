"""Compares two archives in two containers: both get the same documents, and the results and times are set side by side.

Both containers run throughout, and never both at work: documents go to them in turns, and each turn begins with the
other. So whatever else the machine does slows both alike, and neither has less than all cores. Each is started twice,
and the second start counts: both then find their files in memory, which the first one would have to wait for.
"""

from __future__ import annotations

import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from async_endpoint.operations.model.compare_outcomes import (
    Comparison,
    Outcome,
    Verdict,
    compare_outcomes,
    verdict_of,
)
from async_endpoint.operations.model.compare_serving import CompareError, Sample, ServedSide, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.model.compare_results import Rules

ALONE, AT_ONCE = "one at a time", "at once"
_BATCHES_IN_A_TURN = 4


class Progress(Protocol):
    """Hears what a comparison does."""

    def step(self, text: str) -> None:
        """Hears of a step that begins."""

    def sent(self, way: str, done: int, of: int) -> None:
        """Hears how many documents both have processed."""


@dataclass
class Measured:
    """What one side was measured to do.

    Attributes:
        name: The side's name.
        archive_mb: The archive's size.
        load_seconds: From the start of the container until the model was ready.
        first_result_seconds: From the start of the container until the first result.
        peak_memory_mb: The most memory of all processes of the container.
        at_once: How many documents it got at a time in the second pass; 1 if there was none.
        alone: The outcomes of the documents that were sent one at a time.
        together: The outcomes of those that were sent `at_once`.
        together_seconds: Until all of the latter had an outcome.
    """

    name: str
    archive_mb: float
    load_seconds: float
    first_result_seconds: float
    at_once: int
    peak_memory_mb: int = 0
    alone: list[Outcome] = field(default_factory=list)
    together: list[Outcome] = field(default_factory=list)
    together_seconds: float = 0.0

    @property
    def seconds_alone(self) -> float:
        """The median time of a document that is sent alone, in seconds."""
        return statistics.median(each.seconds for each in self.alone)

    @property
    def per_second(self) -> dict[str, float]:
        """Documents a second, of each way of sending them."""
        rates = {ALONE: len(self.alone) / sum(each.seconds for each in self.alone)}
        if self.together:
            rates[AT_ONCE] = len(self.together) / self.together_seconds
        return rates


@dataclass(frozen=True)
class ModelComparison:
    """The outcome of a comparison.

    Attributes:
        old: What the old side did.
        new: What the new side did.
        documents: How many documents were sent.
        folder_documents: How many there are.
        rules: What counted as equal.
        comparisons: The comparison of each way in which the documents were sent.
        unsteady: Of each side, how many documents have another result at once than one at a time.
        verdict: Whether the results are the same.
        reasons: Why that is not decided.
    """

    old: Measured
    new: Measured
    documents: int
    folder_documents: int
    rules: Rules
    comparisons: dict[str, Comparison]
    unsteady: tuple[int, int]
    verdict: Verdict
    reasons: list[str]


def compare_models(
    old: Side, new: Side, samples: Sequence[Sample], *, folder_documents: int, rules: Rules, progress: Progress
) -> ModelComparison:
    """Serves both sides, sends all samples to both, and compares the results.

    Args:
        old: The one side.
        new: The other side.
        samples: The documents; at least one.
        folder_documents: How many documents there are: the verdict on a part of them is not that on all.
        rules: What counts as equal.
        progress: Hears what is done.

    Raises:
        CompareError: A model does not load, or a container ended.
        ContainerError: An archive cannot be unpacked.
    """
    if not samples:
        raise CompareError("There is no document to compare with.")
    with tempfile.TemporaryDirectory(prefix="model-compare-") as folder:
        for index, side in enumerate((old, new)):
            progress.step(f"Starting {side.name} once, so that its files are in memory")
            with ServedSide(side, Path(folder, f"first-{index}")) as served:
                served.start()
        measured = _measure((old, new), samples, Path(folder), progress)
    return _judged(measured, samples, folder_documents, rules)


def _measure(
    sides: tuple[Side, Side], samples: Sequence[Sample], folder: Path, progress: Progress
) -> tuple[Measured, Measured]:
    with ExitStack() as stack:
        # Left last: after an error the containers end first, and with them the requests that its threads wait for.
        pools = [stack.enter_context(ThreadPoolExecutor(side.settings.at_once)) for side in sides]
        served = [stack.enter_context(ServedSide(side, folder / str(index))) for index, side in enumerate(sides)]
        for each in served:
            progress.step(f"Starting {each.side.name}")
            each.start(samples[0])
        found = _measured(served[0]), _measured(served[1])
        for each, pool in zip(served, pools, strict=True):
            each.wait_until_idle()
            each.send_at_once(samples[: each.side.settings.at_once], pool)  # what is computed first is slow
        _send_alone(served, found, samples, progress)
        if any(each.at_once > 1 for each in found):
            _send_at_once(served, found, pools, samples, progress)
        for each, numbers in zip(served, found, strict=True):
            numbers.peak_memory_mb = each.peak_memory_mb
        progress.step("Stopping both")
    return found


def _measured(served: ServedSide) -> Measured:
    size = round(served.side.archive.stat().st_size / 1e6, 1)
    at_once = served.side.settings.at_once
    return Measured(served.side.name, size, served.load_seconds, served.first_result_seconds, at_once)


def _send_alone(
    served: Sequence[ServedSide], found: Sequence[Measured], samples: Sequence[Sample], progress: Progress
) -> None:
    for index, sample in enumerate(samples):
        for turn in _turns(index):
            found[turn].alone.append(served[turn].send(sample))
        progress.sent(ALONE, index + 1, len(samples))


def _send_at_once(
    served: Sequence[ServedSide],
    found: Sequence[Measured],
    pools: Sequence[ThreadPoolExecutor],
    samples: Sequence[Sample],
    progress: Progress,
) -> None:
    size = _BATCHES_IN_A_TURN * max(each.at_once for each in found)
    for index, start in enumerate(range(0, len(samples), size)):
        group = samples[start : start + size]
        for turn in _turns(index):
            outcomes, seconds = served[turn].send_at_once(group, pools[turn])
            found[turn].together += outcomes
            found[turn].together_seconds += seconds
        progress.sent(AT_ONCE, start + len(group), len(samples))


def _turns(index: int) -> tuple[int, int]:
    return (0, 1) if index % 2 == 0 else (1, 0)


def _judged(
    measured: tuple[Measured, Measured], samples: Sequence[Sample], folder_documents: int, rules: Rules
) -> ModelComparison:
    old, new = measured
    names = [sample.name for sample in samples]
    comparisons = {ALONE: compare_outcomes(names, old.alone, new.alone, rules)}
    if old.together:
        comparisons[AT_ONCE] = compare_outcomes(names, old.together, new.together, rules)
    unsteady = [
        compare_outcomes(names, each.alone, each.together, rules).different if each.together else 0 for each in measured
    ]
    verdict, reasons = verdict_of(comparisons, left_out=folder_documents - len(samples))
    return ModelComparison(
        old, new, len(samples), folder_documents, rules, comparisons, (unsteady[0], unsteady[1]), verdict, reasons
    )
