"""The report of a comparison is readable at 80 columns, and its first line is the verdict."""

import json
import math
from typing import Any

from async_endpoint.cli.model_compare_text import as_json, as_text
from async_endpoint.operations.model.compare import ALONE, AT_ONCE, Measured, ModelComparison
from async_endpoint.operations.model.compare_outcomes import Outcome, compare_outcomes, verdict_of
from async_endpoint.operations.model.compare_results import Rules

ROUND = {"predictions": [{"store": "A", "total": "1.00"}], "pages": [{"confidence": 0.5, "seconds": 0.1}]}


def outcomes(*values: Any, status: int = 200) -> list[Outcome]:
    return [Outcome(status, "application/json", json.dumps(value).encode(), 0.25) for value in values]


def comparison(
    old: list[Outcome],
    new: list[Outcome],
    *,
    folder: int | None = None,
    at_once: tuple[list[Outcome], list[Outcome]] | None = None,
) -> ModelComparison:
    names = [f"receipt-{index:03d}.jpg" for index in range(len(old))]
    rules = Rules()
    comparisons = {ALONE: compare_outcomes(names, old, new, rules)}
    sides = [Measured(name, 33.1, 3.1234, 3.5, 1, 713, alone) for name, alone in (("pytorch-1.11", old), ("new", new))]
    if at_once:
        comparisons[AT_ONCE] = compare_outcomes(names, *at_once, rules)
        for side, together in zip(sides, at_once, strict=True):
            side.at_once, side.together, side.together_seconds = 8, together, 0.5
    folder = folder or len(old)
    verdict, reasons = verdict_of(comparisons, left_out=folder - len(old))
    unsteady = (1, 0) if at_once else (0, 0)
    return ModelComparison(
        sides[0], sides[1], len(old), folder, rules, comparisons, unsteady, verdict, reasons
    )  # fmt: skip


def test_the_same_results_are_said_first_with_times_beside_each_other() -> None:
    old, new = outcomes(ROUND, ROUND), outcomes(ROUND, {**ROUND, "pages": [{"confidence": 0.5002, "seconds": 9}]})

    text = as_text(comparison(old, new, at_once=(old, new)))

    assert text.startswith("THE SAME: pytorch-1.11 and new give the same results for all 2 documents.\n")
    assert "start until the model is ready                       3.12 s               3.12 s\n" in text
    assert "documents a second, one at a time                      4.00                 4.00\n" in text
    assert "documents a second, at once                            4.00                 4.00\n" in text
    assert "status 200                                                2                    2\n" in text
    assert "Sent one at a time: 2 of 2 results equal.\n" in text
    assert "Sent 8 at once: 2 of 2 results equal.\n" in text
    assert "fields equal: 4 of 4; 2 numbers, the largest\n" in text
    assert "receipt-001.jpg, pages[0].confidence." in text
    assert "not compared (--ignore): seconds (2)" in text
    assert "pytorch-1.11 itself gives another result 8 at once than one at a time, for 1 of" in text
    assert max(map(len, text.splitlines())) <= 80


def test_differences_name_document_field_and_both_values() -> None:
    old, new = outcomes(ROUND, ROUND), outcomes(ROUND, {**ROUND, "predictions": [{"store": "B\u00fc" * 300}]})

    text = as_text(comparison(old, new, folder=9))

    assert text.startswith("DIFFERENT: pytorch-1.11 and new differ for 1 of 2 documents (of 9 in the\nfolder).\n")
    assert "Sent one at a time: 1 of 2 results equal, 1 different.\n" in text
    assert '  receipt-001.jpg, predictions[0].store\n    old: "A"\n    new: "B\u00fcB' in text
    assert "(402 more" in text
    assert '  receipt-001.jpg, predictions[0].total\n    old: "1.00"\n    new: (absent)' in text
    assert max(map(len, text.splitlines())) <= 80


def test_many_differences_are_counted_and_json_has_them_all() -> None:
    found = comparison(outcomes(*range(30)), outcomes(*range(1, 31)))

    assert "  ... and 20 more (--json prints all)" in as_text(found)
    assert len(as_json(found)["comparisons"][0]["differences"]) == 30


def test_what_is_not_decided_says_why() -> None:
    text = as_text(comparison(outcomes(ROUND), outcomes(ROUND), folder=200))

    assert text.startswith(
        "NOT DECIDED: pytorch-1.11 and new do not differ in what was compared, but 199\n"
        "documents of the folder were not sent.\n"
    )


def test_documents_that_fail_or_are_rejected_on_both_are_counted() -> None:
    old = [*outcomes(ROUND), *outcomes("no", status=422), *outcomes("dead", status=500)]

    text = as_text(comparison(old, old))

    assert text.startswith("NOT DECIDED: ")
    assert "Sent one at a time: 1 of 3 results equal, 1 rejected by both alike, 1 failed on both." in " ".join(
        text.split()
    )
    for row in ("status 200", "status 422", "status 500"):
        assert f"{row:<38}" in text


def test_json_holds_no_number_that_only_python_reads() -> None:
    found = as_json(comparison(outcomes({"x": math.nan}), outcomes({"x": 1.0})))

    assert json.loads(json.dumps(found, allow_nan=False))["comparisons"][0]["differences"] == [
        {"document": "receipt-000.jpg", "field": "x", "old": "nan", "new": 1.0}
    ]


def test_json_leaves_out_the_value_that_is_absent() -> None:
    [difference] = as_json(comparison(outcomes({"x": None}), outcomes({})))["comparisons"][0]["differences"]

    assert difference == {"document": "receipt-000.jpg", "field": "x", "old": None}
