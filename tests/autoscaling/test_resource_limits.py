"""What a scalable target and a step policy may hold at most."""

from collections.abc import Callable

import pytest

from async_endpoint.autoscaling import LimitExceededException
from tests.autoscaling.fleet import TARGET, Fleet, step


def put_policy(fleet: Fleet, number: int) -> None:
    fleet.step_policy(f"policy-{number}")


def put_action(fleet: Fleet, number: int) -> None:
    fleet.scaler.put_scheduled_action(
        **TARGET,
        ScheduledActionName=f"action-{number}",
        Schedule="rate(1 day)",
        ScalableTargetAction={"MinCapacity": 1},
    )


@pytest.mark.parametrize(
    ("put", "quota", "sentence"),
    [
        (put_policy, 50, "A scalable target can have at most 50 scaling policies."),
        (put_action, 200, "A scalable target can have at most 200 scheduled actions."),
    ],
)
def test_a_target_holds_its_quota_and_no_more(put: Callable[[Fleet, int], None], quota: int, sentence: str) -> None:
    fleet = Fleet()
    for number in range(quota):
        put(fleet, number)
    with pytest.raises(LimitExceededException, match=sentence) as rejected:
        put(fleet, quota)
    assert rejected.value.code == "LimitExceededException"
    put(fleet, 0)  # one that is changed takes no more room


def test_a_step_policy_has_at_most_twenty_steps() -> None:
    fleet = Fleet()
    steps = [step(number, number, number + 1) for number in range(20)]
    fleet.step_policy(steps=[*steps[:19], step(19, 19)])
    with pytest.raises(LimitExceededException, match="at most 20 step adjustments"):
        fleet.step_policy(steps=[*steps, step(20, 20)])
