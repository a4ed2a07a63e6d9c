"""Two results are compared as JSON by their structure, and otherwise byte by byte."""

import json
import math
from typing import Any

import pytest

from async_endpoint.operations.model.compare_results import ABSENT, WHOLE, Difference, Findings, Rules, compare_results


def compare(old: Any, new: Any, **rules: Any) -> Findings:
    return compare_results(json.dumps(old).encode(), json.dumps(new).encode(), Rules(**rules))


def test_equal_results_count_their_fields_and_numbers() -> None:
    result = {"predictions": [{"store": "A", "total": "1.00"}], "pages": [{"page": 1, "blank": False}]}

    found = compare(result, result)

    assert (found.fields, found.equal_fields, found.numbers, found.largest, found.differences) == (3, 3, 1, 0.0, [])


def test_a_number_may_differ_by_the_tolerance_and_the_largest_difference_is_named() -> None:
    old = {"pages": [{"confidence": {"store": 0.5, "total": 0.9}}]}
    new = {"pages": [{"confidence": {"store": 0.5001, "total": 0.9008}}]}

    found = compare(old, new)

    assert found.differences == []
    assert math.isclose(found.largest, 0.0008)
    assert found.largest_at == "pages[0].confidence.total"


def test_a_number_beyond_the_tolerance_differs() -> None:
    found = compare({"score": 0.5}, {"score": 0.502})

    assert found.differences == [Difference("score", 0.5, 0.502)]
    assert compare({"score": 0.5}, {"score": 0.502}, tolerance=0.01).differences == []


@pytest.mark.parametrize(("old", "new"), [(0.5, 0.501), (0.501, 0.5), (0.9999, 1.0009), (3, 3.001)])
def test_numbers_that_are_apart_by_just_the_tolerance_are_equal(old: float, new: float) -> None:
    assert compare(old, new).differences == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.0", 1.0),
        (True, 1),
        (False, 0),
        (None, 0),
        (None, False),
        ("", None),
        ([], {}),
        ([1], 1),
        ("a", "A"),
        ("e\u0301", "\u00e9"),
        (math.nan, 1.0),
        (math.inf, -math.inf),
        (10**400, 1.5),
        (10**400, 10**400 + 1),
    ],
)
def test_values_of_another_kind_or_content_differ(old: Any, new: Any) -> None:
    assert compare({"x": old}, {"x": new}).differences == [Difference("x", pytest.approx(old, nan_ok=True), new)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, 1.0, -0.0])
def test_the_same_number_is_equal_to_itself(value: float) -> None:
    found = compare([value], [value])

    assert (found.differences, found.largest, found.numbers) == ([], 0.0, 1)


def test_a_whole_number_equals_the_same_one_with_a_point() -> None:
    assert compare_results(b"[1]", b"[1.0]", Rules()).differences == []


def test_a_field_that_one_result_lacks_differs_on_either_side() -> None:
    found = compare({"store": "A", "total": 1}, {"shop": "A", "total": 1})

    assert found.differences == [Difference("store", "A", ABSENT), Difference("shop", ABSENT, "A")]
    assert (found.fields, found.equal_fields) == (2, 0)


def test_a_field_with_null_differs_from_one_that_is_absent() -> None:
    assert compare({"x": None}, {}).differences == [Difference("x", None, ABSENT)]


def test_a_longer_list_differs_at_its_end_alone() -> None:
    assert compare({"items": ["a"]}, {"items": ["a", "b"]}).differences == [Difference("items[1]", ABSENT, "b")]


def test_an_absent_object_is_one_difference() -> None:
    assert compare([{"a": 1, "b": 2}], []).differences == [Difference("[0]", {"a": 1, "b": 2}, ABSENT)]


def test_ignored_members_are_left_out_at_any_depth_and_counted() -> None:
    old = {"pages": [{"seconds": 0.1}, {"seconds": 0.2}], "model_version": "a"}
    new = {"pages": [{"seconds": 9.1}, {"seconds": 9.2}], "model_version": "b"}

    found = compare(old, new)

    assert found.differences == []
    assert found.left_out == {"seconds": 2, "model_version": 1}
    assert (found.fields, found.numbers) == (0, 0)


def test_other_members_can_be_ignored() -> None:
    found = compare({"seconds": 1, "when": "x"}, {"seconds": 2, "when": "y"}, ignored=frozenset({"when"}))

    assert found.differences == [Difference("seconds", 1, 2)]


def test_the_order_of_members_is_no_difference_and_that_of_a_list_is() -> None:
    assert compare({"a": 1, "b": 2}, {"b": 2, "a": 1}).differences == []
    assert len(compare(["a", "b"], ["b", "a"]).differences) == 2


def test_names_with_points_are_quoted() -> None:
    assert [each.field for each in compare({"a.b": 1, "": 1}, {"a.b": 2, "": 2}).differences] == ['"a.b"', '""']


def test_json_lines_are_compared_line_by_line() -> None:
    old = b'{"page": 1, "seconds": 1}\n{"page": 2, "text": "a"}\n'
    new = b'{"page": 1, "seconds": 2}\n{"page": 2, "text": "b"}\n'

    assert compare_results(old, new, Rules()).differences == [Difference("[1].text", "a", "b")]


def test_other_results_are_compared_byte_by_byte() -> None:
    assert compare_results(b"\xff\x00\x01", b"\xff\x00\x01", Rules()).differences == []

    found = compare_results(b"\xff\x00\x01", b"\xff\x02\x01", Rules())

    assert [each.field for each in found.differences] == [WHOLE]
    assert found.differences[0].old == "3 bytes, from byte 1: b'\\x00\\x01'"
    assert (found.fields, found.equal_fields) == (1, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"x"),
        (b"x", b""),
        (b"yes", b"yes "),
        (b'{"a": 1}', b"not JSON"),
        (b'{"a": 1, "a": 2}', b'{"a": 3, "a": 2}'),  # json would keep the last one of both
        (b"[" * 100_000 + b"]" * 100_000, b"[" * 100_001 + b"]" * 100_001),
    ],
)
def test_what_is_no_json_on_both_sides_differs_by_its_bytes(old: bytes, new: bytes) -> None:
    assert [each.field for each in compare_results(old, new, Rules()).differences] == [WHOLE]


def test_deep_json_is_compared() -> None:
    deep = b'{"a":' * 500 + b"%d" + b"}" * 500

    found = compare_results(deep % 1, deep % 2, Rules())

    assert len(found.differences) == 1
    assert found.differences[0].field.count("a") == 500


def test_a_value_on_top_has_a_name() -> None:
    assert compare(1, 2).differences == [Difference(WHOLE, 1, 2)]
