"""What the demo prints about its documents: results beside the ground truth, and one line with all numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.samples import RECEIPTS, SampleRun

_SHOWN = 10  # rows of the table


@dataclass(frozen=True)
class Summary:
    """The numbers of a run.

    Attributes:
        documents: Documents in total.
        completed: Documents with a result.
        exact: Results in which every field equals the ground truth.
        seconds: Seconds for all documents.
        woke: Seconds from the first accepted request to the first result.
        slept: Seconds from the last result until the endpoint was at zero instances; None if nobody waited for it.
        speed: How many times faster than the wall AWS's clock runs.
    """

    documents: int
    completed: int
    exact: int
    seconds: float
    woke: float
    slept: float | None
    speed: float

    def line(self) -> str:
        """The last line of the demo."""
        slept = (
            "" if self.slept is None else f", asleep again after {self.slept:.1f} s ({self.slept * self.speed:.0f} s)"
        )
        return (
            f"{self.documents} documents, {self.completed} completed, {self.documents - self.completed} failed, "
            f"{self.exact} exact, {self.seconds:.1f} s, "
            f"woke from zero in {self.woke:.1f} s ({self.woke * self.speed:.0f} s on AWS's clock){slept}"
        )


def print_results(console: Console, run: SampleRun, results_file: str) -> int:
    """Prints the first results beside the ground truth; returns how many of all results are exact."""
    truth = _ground_truth()
    completed = sum(result.completed for result in run.by_inbox)
    console.print(f"{completed} of {len(run.by_inbox)} inbox documents are COMPLETED in the jobs table.")
    table = Table("document", "on the receipt", "result", "exact")
    exact = 0
    for number, (document, body) in enumerate(run.results()):
        expected = truth[document]
        found = json.loads(body)["predictions"][0] if body else {"error": "no result"}
        exact += found == expected
        if number < _SHOWN:
            table.add_row(
                document, _one_line(expected), _one_line(found), "[green]yes" if found == expected else "[yellow]no"
            )
    console.print(table)
    serving = run.seconds - run.woke
    console.print(
        f"{run.documents} documents in {run.seconds:.1f} s: {run.woke:.1f} s to the first result, then "
        f"{serving:.1f} s, {serving / run.documents:.2f} s per document. All results are in {results_file}.",
        soft_wrap=True,
    )
    return exact


def _ground_truth() -> dict[str, dict[str, Any]]:
    """The fields of each receipt, by its file's name."""
    lines = (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return {row.pop("file"): row for row in map(json.loads, lines)}


def _one_line(fields: Mapping[str, Any]) -> str:
    """A receipt's fields in one line, its items last: `MINT GRILL · 2022-02-04 · 4.10 · TEA 4.10`."""
    items = fields.get("items", [])
    texts = [str(value) for name, value in fields.items() if name != "items"]
    return " · ".join([*texts, ", ".join(" ".join(map(str, item.values())) for item in items)])
