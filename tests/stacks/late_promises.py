"""What an endpoint promises however late its metrics are: none of it may depend on when a datapoint arrives."""

import math

from tests.autoscaling.fleet import START
from tests.stacks.late_metrics import BACKLOG, BUSY_CPU, CPU, GPU, MINUTE, WITHOUT_CAPACITY, Case, Course, Request

SHARE = 5  # requests that one instance is to have: scaling.backlog_per_instance
LINGERING_SECONDS = 240  # of delay and late recovery; with the alarm's eight minutes and gaps, within the cooldown


def findings(course: Course) -> list[str]:
    """What was promised and not kept, a sentence each."""
    case, found = course.case, []
    for arrived in course.asleep_arrivals:
        woke = next((at for at, count in course.changes if count > 0 and at >= arrived), None)
        limit = case.worst + 120 + MINUTE * _never_seen(case, arrived)
        if woke is None or woke - arrived > limit:
            when = "never" if woke is None else f"{woke - arrived:.0f} s"
            found.append(f"woke after {when}, at most {limit:.0f} s")
    last = max(course.results, default=None)
    asleep = next((at for at, count in course.changes if count == 0 and last is not None and at >= last), None)
    limit = 25 * MINUTE + 2 * case.worst
    if course.left or last is None:
        found.append(f"{course.left} requests without a result")
    elif asleep is None or asleep - last > limit:
        found.append(f"slept after {'never' if asleep is None else f'{asleep - last:.0f} s'}, at most {limit:.0f} s")
    found = list(dict.fromkeys(found))
    wanted, grew_to = math.ceil(course.most / SHARE), max((count for _, count in course.changes), default=0)
    # What lingers for longer than the wake policy rests may start a further instance for nothing.
    if grew_to > wanted and case.worst + MINUTE * case.rules.recovery_minutes <= LINGERING_SECONDS:
        found.append(f"{grew_to} instances for at most {course.most} requests at once, which want {wanted}")
    found += [f"a request that was visible was cut off at {at - START:.0f} s" for at, request in course.cut_off
              if _was_visible(course, request, at)]  # fmt: skip
    found += [f"an instance was ended {at - up:.0f} s after it came up, while work waited"
              for at, up in course.ended_early]  # fmt: skip
    return found


def _never_seen(case: Case, arrived: float) -> int:
    """How many of the first minutes of waiting never reach the alarm."""
    minute, missing = int(arrived // MINUTE) * MINUTE, 0
    while case.delivery.arrival(WITHOUT_CAPACITY, minute + missing * MINUTE) is None:
        missing += 1
    return missing


def _was_visible(course: Course, request: Request, at: float) -> bool:
    """Whether a datapoint of a minute since the request came shows work, and had arrived when it was cut off."""
    since = request.arrived // MINUTE * MINUTE
    signs = ((BACKLOG, 1.0), (WITHOUT_CAPACITY, 1.0), (CPU, BUSY_CPU), (GPU, 90.0))
    return any(
        value >= least
        for key, least in signs
        for value in course.metrics.periods(key, "Maximum", MINUTE, since, at, seen_at=at).values()
    )
