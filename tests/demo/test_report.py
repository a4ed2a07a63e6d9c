"""The demo compares each result with the ground truth, and ends with one line that has every number."""

import io
import json
from pathlib import Path
from typing import cast

from rich.console import Console

from demo.report import Summary, print_results
from demo.samples import RECEIPTS, SampleRun

LINE = (
    "100 documents, 99 completed, 1 failed, 92 exact, 17.8 s, woke from zero in 12.4 s (247 s on AWS's clock)",
    ", asleep again after 57.2 s (1143 s)",
)


class Samples:
    """A run over the first samples: what the model returned for each; None for one that failed."""

    by_inbox: tuple[()] = ()
    seconds, woke = 20.0, 12.0

    def __init__(self, *bodies: bytes | None) -> None:
        self._bodies = bodies
        self.documents = len(bodies)

    def results(self) -> list[tuple[str, bytes | None]]:
        return [(f"receipt-{number:03}.jpg", body) for number, body in enumerate(self._bodies)]


def ground_truth(number: int) -> dict[str, object]:
    line: dict[str, object] = json.loads((RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines()[number])
    return {name: value for name, value in line.items() if name != "file"}


def body(fields: dict[str, object]) -> bytes:
    return json.dumps({"predictions": [fields]}).encode()


def test_the_last_line_has_every_number() -> None:
    summary = Summary(documents=100, completed=99, exact=92, seconds=17.79, woke=12.36, slept=57.16, speed=20.0)
    assert summary.line() == "".join(LINE)


def test_a_run_that_did_not_wait_for_sleep_says_nothing_about_it() -> None:
    summary = Summary(documents=100, completed=99, exact=92, seconds=17.79, woke=12.36, slept=None, speed=20.0)
    assert summary.line() == LINE[0]


def test_a_result_is_exact_when_every_field_equals_the_ground_truth() -> None:
    text = io.StringIO()
    wrong = ground_truth(1) | {"total": "0.00"}
    run = cast("SampleRun", Samples(body(ground_truth(0)), body(wrong), None))
    assert print_results(Console(file=text, width=200), run, Path("results.jsonl").name) == 1
    cells = [line.split("│")[-2].strip() for line in text.getvalue().splitlines() if "receipt-" in line]
    assert cells == ["yes", "no", "no"]
    assert "3 documents in 20.0 s: 12.0 s to the first result, then 8.0 s, 2.67 s per document." in text.getvalue()
