"""Two lanes: the throughput of 5,000 documents with admission and without, and how long urgent ones wait meanwhile.

A simulation in virtual time with the functions' own logic: `lane_world` says what is simulated. Nothing is measured on
AWS.
"""

import importlib
import math
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.lane_parts import Case, Delays
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY

if TYPE_CHECKING:
    from benchmarks.lane_world import World

GOAL = 0.95
MOST_BATCHES = 2
# Instances and the seconds of a batch. The ratio is that of the slowest of the first group.
_CASES = [(1, 2.0), (4, 2.0), (1, 8.0)]
# Harder than the claim: batches shorter than the way from an outcome to the next submission; AWS four times as slow.
_HARD_CASES = [(1, 0.5, 1.0), (4, 1.0, 1.0), (1, 2.0, 4.0)]


def run() -> Result:
    """Runs each case with and without lanes."""
    sys.path.insert(0, str(REPOSITORY / "lambda"))
    world = importlib.import_module("benchmarks.lane_world")
    cases = [*((*case, 1.0) for case in _CASES), *_HARD_CASES]
    ratios, waits, figures = [], [], dict[str, Any]()
    for instances, seconds, slow in cases:
        done = {
            lanes: world.World(
                Case(lanes=lanes, instances=instances, batch_seconds=seconds, delays=Delays(slow=slow))
            ).run()
            for lanes in (False, True)
        }
        ratio = _throughput(done[True]) / _throughput(done[False])
        wait, before = (max(_waits(done[lanes])) for lanes in (True, False))
        name = f"{instances}_x_{seconds:g}_s" + (f"_aws_{slow:g}_times_as_slow" if slow > 1 else "")
        progress(f"{name}: throughput {ratio:.3f}; the longest wait {wait:.1f} batches, without lanes {before:.1f}")
        figures[name] = {"throughput": round(ratio, 3), "batches": round(wait, 2), "without_lanes": round(before, 1)}
        if (instances, seconds) in _CASES and slow == 1:
            ratios.append(ratio)
            waits.append(wait)
    return Result(
        ratio=min(ratios),
        goal=GOAL,
        # Those that begin before its own: of the one that runs already, only a part is left.
        conditions={"at_most_two_batches_begin_before_an_urgent_one": math.floor(max(waits)) <= MOST_BATCHES},
        figures={"simulated": True, "documents": Case(lanes=True).documents, **figures},
    )


def _throughput(world: "World") -> float:
    """Returns documents in a second, from the first batch until the last result."""
    if len(world.done) != len(world.uploaded):
        raise RuntimeError(f"{len(world.uploaded) - len(world.done)} documents were never processed.")
    return len(world.done) / (max(world.done.values()) - min(world.began.values()))


def _waits(world: "World") -> list[float]:
    """Returns how long each urgent document waited in SageMaker's queue, in lengths of a batch."""
    ids = [job for job in world.accepted if world.is_urgent(job)]
    return [(world.began[job] - world.accepted[job]) / world.case.batch_seconds for job in ids] or [0.0]
