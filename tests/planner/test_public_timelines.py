"""A timeline that others measured on AWS: which parameters reproduce it, and which it rules out.

The video-indexing tutorial of ray-project/ray: 67,000 requests at 50 to 100 a second, an ml.g4dn.xlarge scaled from 1
to 4 instances by alarms of 1 x 60 s; all four served 589 s after the first request, and scale-in came 104 s after the
queue was empty. It does not report how long a request and a start took, how late the metrics were, or in which second
of a minute it began: those are chosen here, so this shows that the rules can give these times, and not that AWS has
these values.
"""

import random

import pytest

from async_endpoint.cloudwatch import DelayRange
from async_endpoint.planner import simulate
from tests.planner.stages import arriving, conditions, endpoint, stage, step, target

BEGIN = 50.0


def timeline(delay: float, start: float) -> tuple[float, float]:
    """Seconds from the first request to the full fleet, and from the empty queue to the scale-in."""
    source = random.Random(1)  # noqa: S311 - a simulation
    moments, at = [], BEGIN
    for _ in range(67_000):
        at += source.expovariate(75)
        moments.append(at)
    out = step("Out", "ApproximateBacklogSizePerInstance", 3, cooldown=0)
    back = step(
        "In",
        "ApproximateBacklogSize",
        -3,
        cooldown=0,
        ComparisonOperator="LessThanThreshold",
        Statistic="Maximum",
    )
    given = conditions(0.05, start, metric_delay=DelayRange(delay, delay))
    outcome = simulate(stage(endpoint(), target(least=1), out, back), arriving(*moments, seconds=7_200), given)
    assert (outcome.processed, outcome.unfinished) == (67_000, 0)
    asked = next(at for at, count in outcome.changes if count == 4)
    empty = max(at + wait for at, wait in zip(moments, outcome.waits, strict=True)) + 0.05
    left = next(at for at, count in outcome.changes if at > asked and count < 4)
    return asked + start - BEGIN, left - empty


def test_punctual_metrics_and_a_start_of_520_seconds_give_both_times() -> None:
    full, scale_in = timeline(delay=0, start=520)
    assert full == pytest.approx(589, rel=0.1)
    assert scale_in == pytest.approx(104, rel=0.1)


@pytest.mark.parametrize("delay", [60, 120])
def test_metrics_that_are_a_minute_late_are_ruled_out_by_the_scale_in(delay: float) -> None:
    _, scale_in = timeline(delay, start=520 - delay)
    assert scale_in > 104 * 1.1
