"""Lines of charts: a path through every step, and through the extremes of those that share a pixel."""

from async_endpoint.operations.plan_report.lines import path_of, share_within, steps_of, stretches


def same(number: float) -> float:
    return number


def test_a_number_that_changes_has_a_step_until_the_next_change() -> None:
    assert list(steps_of([(0, 1), (5, 3), (9, 0)], 20)) == [(0, 5, 1), (5, 9, 3), (9, 20, 0)]


def test_steps_with_a_gap_between_them_are_two_stretches() -> None:
    steps = [(0.0, 1.0, 7.0), (1.0, 2.0, 8.0), (3.0, 4.0, 9.0)]
    assert list(stretches(steps)) == [steps[:2], steps[2:]]
    assert list(stretches([])) == []


def test_a_path_goes_along_and_then_to_the_next_step() -> None:
    assert path_of([(0, 2, 5), (2, 3, 5), (3, 4, 1)], same, same) == "M0 5H2H3V1H4"


def test_changes_within_a_pixel_keep_the_lowest_the_highest_and_the_last() -> None:
    crowded = [(0.0, 1.0, 5.0), *((1 + step / 1_000, 1 + (step + 1) / 1_000, float(step % 9)) for step in range(400))]
    path = path_of(crowded, lambda at: float(round(at)), same)
    assert path == f"M0 5H1V8V0V{399 % 9}H1"


def test_a_share_counts_waits_of_just_that_time() -> None:
    assert share_within([0, 1, 1, 4], 1) == 0.75
    assert share_within([0, 1, 1, 4], 0.5) == 0.25
