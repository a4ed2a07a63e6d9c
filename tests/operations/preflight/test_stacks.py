"""Each stack must be in a state from which a deploy can start."""

from __future__ import annotations

import pytest

from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.stacks import StackState, judge_stacks
from tests.operations.preflight.fakes import REGION

OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


@pytest.mark.parametrize(
    ("state", "status", "fix"),
    [
        (StackState("s", None), OK, None),
        (StackState("s", "REVIEW_IN_PROGRESS"), OK, None),
        (StackState("s", "UPDATE_ROLLBACK_COMPLETE"), OK, None),
        (StackState("s", "ROLLBACK_COMPLETE"), WARNING, "delete-stack"),
        (StackState("s", "ROLLBACK_COMPLETE", is_protected=True), ERROR, "update-termination-protection"),
        (StackState("s", "UPDATE_ROLLBACK_FAILED"), ERROR, "continue-update-rollback"),
        (StackState("s", "UPDATE_FAILED"), ERROR, "rollback-stack"),
        (StackState("s", "DELETE_FAILED"), ERROR, "delete-stack"),
        (StackState("s", "UPDATE_IN_PROGRESS"), WARNING, "describe-stack-events"),
    ],
)
def test_a_stack_must_be_in_a_state_from_which_a_deploy_can_start(
    state: StackState, status: Status, fix: str | None
) -> None:
    check = judge_stacks([StackState("fine", "CREATE_COMPLETE"), state], REGION)
    assert check.status is status
    assert (check.fix is None) if fix is None else (check.fix or "").startswith(f"aws cloudformation {fix} ")


def test_the_worst_status_of_several_stacks_counts() -> None:
    states = [StackState("a", "UPDATE_IN_PROGRESS"), StackState("b", "DELETE_FAILED")]
    check = judge_stacks(states, REGION)
    assert check.status is ERROR
    assert "b is DELETE_FAILED" in check.message
    assert "a is" not in check.message
