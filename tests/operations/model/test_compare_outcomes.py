"""What two containers made of the same documents is the same only where that was seen for every one of them."""

import json
from typing import Any

import pytest

from async_endpoint.operations.model.compare_outcomes import (
    CONTENT_TYPE,
    ERROR,
    STATUS,
    Comparison,
    Outcome,
    Verdict,
    compare_outcomes,
    verdict_of,
)
from async_endpoint.operations.model.compare_results import Rules

TRACE = 'Traceback (most recent call last):\n  File "/{0}/x.py", line 1, in f\n    g()\nValueError: {1}\n'


def result(value: Any = "a", content_type: str | None = "application/json") -> Outcome:
    return Outcome(200, content_type, json.dumps(value).encode(), 0.1)


def error(status: int, text: str) -> Outcome:
    return Outcome(status, "text/plain", text.encode(), 0.1)


LATE = Outcome(None, None, b"The container did not answer within 900 s.", 900.0)


def compare(*pairs: tuple[Outcome, Outcome], **rules: Any) -> Comparison:
    names = [f"{index}.png" for index in range(len(pairs))]
    return compare_outcomes(names, [old for old, _ in pairs], [new for _, new in pairs], Rules(**rules))


def verdict(*pairs: tuple[Outcome, Outcome], left_out: int = 0, **rules: Any) -> tuple[Verdict, list[str]]:
    return verdict_of({"one at a time": compare(*pairs, **rules)}, left_out=left_out)


def test_equal_results_of_all_documents_are_the_same() -> None:
    assert verdict((result(), result()), (result(1.0), result(1.0001))) == (Verdict.SAME, [])


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (result("a"), result("b"), "(whole result)"),
        (result(), error(500, "ValueError: x"), STATUS),
        (error(500, "x"), result(), STATUS),
        (error(422, "no page"), error(415, "no page"), STATUS),
        (error(422, "no page"), error(422, "no such page"), ERROR),
        (result(), LATE, STATUS),
        (LATE, error(500, "x"), STATUS),
        (result(), result(content_type="text/plain"), CONTENT_TYPE),
        (result(), result(content_type=None), CONTENT_TYPE),
    ],
)
def test_one_document_with_another_outcome_makes_them_different(old: Outcome, new: Outcome, field: str) -> None:
    found = compare((result(), result()), (old, new))

    assert [(each.document, each.difference.field) for each in found.differences] == [("1.png", field)]
    assert (found.equal, found.different) == (1, 1)
    assert verdict_of({"one at a time": found}, left_out=5) == (Verdict.DIFFERENT, [])


def test_the_spelling_of_a_content_type_is_no_difference() -> None:
    pair = result(content_type="application/json; charset=utf-8"), result(content_type="Application/JSON;charset=UTF-8")

    assert verdict(pair) == (Verdict.SAME, [])


def test_another_content_type_does_not_hide_another_content() -> None:
    found = compare((result({"x": 1}), result({"x": 2}, "text/plain")))

    assert [each.difference.field for each in found.differences] == [CONTENT_TYPE, "x"]
    assert found.different == 1


def test_documents_that_both_reject_with_the_same_words_are_equal_whatever_their_tracebacks() -> None:
    rejected = tuple(error(422, f"no page\n{TRACE.format(python, 'no page')}") for python in ("3.8", "3.12"))

    found = compare((result(), result()), (rejected[0], rejected[1]))

    assert (found.equal, found.rejected, found.different) == (1, 1, 0)
    assert verdict_of({"x": found}, left_out=0) == (Verdict.SAME, [])


@pytest.mark.parametrize("pair", [(error(500, "a"), error(500, "b")), (LATE, LATE)])
def test_a_document_without_a_result_of_either_leaves_it_undecided(pair: tuple[Outcome, Outcome]) -> None:
    decided, reasons = verdict((result(), result()), pair)

    assert decided is Verdict.UNDECIDED
    assert len(reasons) == 1
    assert reasons[0].startswith("one at a time, 1 of 2 had no result of either image (1.png: ")


@pytest.mark.parametrize("status", [400, 415, 500, 503])
def test_documents_that_all_fail_alike_are_not_the_same(status: int) -> None:
    decided, reasons = verdict(*[(error(status, "x"), error(status, "x"))] * 3)

    assert decided is Verdict.UNDECIDED
    assert reasons[0] == "one at a time, no document has a result of either image to compare"


def test_no_document_at_all_is_not_the_same() -> None:
    assert verdict_of({}, left_out=0) == (Verdict.UNDECIDED, ["no document was sent"])
    assert verdict()[0] is Verdict.UNDECIDED


def test_a_part_of_the_documents_is_not_the_same() -> None:
    decided, reasons = verdict((result(), result()), left_out=7)

    assert (decided, reasons) == (Verdict.UNDECIDED, ["7 documents of the folder were not sent"])


def test_results_of_which_everything_is_ignored_are_not_the_same() -> None:
    decided, reasons = verdict((result({"x": 1}), result({"x": 2})), ignored=frozenset({"x"}))

    assert (decided, reasons) == (Verdict.UNDECIDED, ["one at a time, the results hold nothing to compare"])


def test_the_numbers_of_all_documents_add_up_and_the_largest_difference_has_its_document() -> None:
    pages = [({"a": "x", "b": 0.5}, {"a": "x", "b": 0.5 + step}) for step in (0.0001, 0.0005, 0.0002)]

    found = compare(*((result(old), result(new)) for old, new in pages))

    assert (found.fields, found.equal_fields, found.numbers, found.statuses_equal) == (3, 3, 3, 3)
    assert (round(found.largest, 7), found.largest_at, found.largest_in) == (0.0005, "b", "1.png")


def test_a_difference_in_one_way_of_sending_is_enough() -> None:
    alone, together = compare((result(), result())), compare((result(), result("b")))

    assert verdict_of({"one at a time": alone, "at once": together}, left_out=0)[0] is Verdict.DIFFERENT


def test_outcomes_of_other_documents_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="argument 3 is shorter"):
        compare_outcomes(["a", "b"], [result(), result()], [result()], Rules())
