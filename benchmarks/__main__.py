"""Runs one benchmark: `python -m benchmarks NAME`. The last line of its output is one JSON object."""

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.result import Result

# Name: the comparison.
BENCHMARKS = {
    "pack": "packing an archive of 512 MB of weights, against tarfile's w:gz as the SageMaker SDK repacks",
    "synth": "cdk synth with a 700 MB model, against a plain CDK asset of the archive, and against a small model",
    "start": "container start to the first right result, with packages in the archive, against installed at the start",
    "decode": "one image at a time, against the stock DonutModel.inference",
    "batch": "images per second at concurrency 8, against one by one through the stock loop, both in TorchServe",
    "images": "images per second through each newer serving image, against the default one, with the same model",
    "intake": "documents through the inbox's pipeline, against one event, one invocation, one poll; AWS calls of each",
    "lanes": "5,000 documents with two lanes, against each submitted at once: throughput, and an urgent one's wait",
    "urgent": "urgent documents behind 5,000 others on a deployed stage: the longest wait, against two batches",
    "client": "2,000 documents through the client, against the sequential loop and the SageMaker SDK, instant model",
    "planner": "a month of a million requests in the planner, against the same model with SimPy; waits equal",
    "sweep": "24 configurations of a month of 100,000 requests in the planner, in seconds; one process gives the same",
    "emulator": "100 documents through the local AWS one at a time, against posting them to the same container",
}


def main() -> int:
    """Runs the named benchmark; the exit status is 0 when it reached its goal."""
    listing = "\n".join(f"  {name:8} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure a speed claim against a named alternative, side by side, on this machine.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHMARKS, metavar="NAME", help="one of the benchmarks below")
    parser.add_argument("--documents", type=int, metavar="N", help="urgent: how many wait, at least 700 (5,000)")
    chosen = parser.parse_args()
    module = importlib.import_module(f"benchmarks.{chosen.name}")
    options: dict[str, int] = {}
    if chosen.documents is not None:
        least = getattr(module, "LEAST_DOCUMENTS", None)
        if least is None:
            parser.error(f"{chosen.name} has no option --documents.")
        if chosen.documents < least:
            parser.error(f"--documents is {chosen.documents}: {chosen.name} takes {least} or more.")
        options["documents"] = chosen.documents
    result: Result = module.run(**options)
    sys.stdout.write(f"{result.line(chosen.name)}\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
