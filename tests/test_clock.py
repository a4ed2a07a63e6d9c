import time

import pytest

from async_endpoint.clock import ManualClock, SystemClock


def test_a_system_clock_starts_at_the_walls_time_and_runs_faster() -> None:
    before = time.time()
    clock = SystemClock(speed=600)
    first = clock.now()
    time.sleep(0.02)
    later = clock.now()
    assert abs(first - before) < 60
    assert 12 <= later - first < 600
    assert clock.wall_seconds(120) == pytest.approx(0.2)


def test_what_passed_since_a_moment_of_the_wall_is_faster_from_the_clocks_start_on() -> None:
    before = time.time() - 100
    clock = SystemClock(speed=600)
    time.sleep(0.02)
    assert 112 <= clock.since(before) < 700
    assert clock.since(time.time()) < 30


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_clock_needs_a_speed_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        SystemClock(speed)


def test_a_manual_clock_moves_only_by_advance_and_never_back() -> None:
    clock = ManualClock(100.0)
    clock.advance(5.5)
    assert clock.now() == 105.5
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
