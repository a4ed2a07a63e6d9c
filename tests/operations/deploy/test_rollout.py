"""A rollout succeeds when the deployed configuration serves; SageMaker and CloudFormation respond from tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.operations.deploy.rollout import Rollout, RolloutError, RolloutResult

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "async-endpoint-dev-endpoint"
REFUSED = 'Cannot update in-progress endpoint "donut".'


class Aws:
    """Both services: what the stack holds, its events, and what DescribeEndpoint answers, one after the other."""

    def __init__(self, config: str | None, *answers: dict[str, Any] | None) -> None:
        self.config = config
        self.answers = list(answers)
        self.events: list[str] = []

    def get_paginator(self, operation: str) -> Aws:
        self._operation = operation
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's
        assert StackName == STACK
        if self.config is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": f"{STACK} does not exist"}}, "List")
        if self._operation == "describe_stack_events":
            events = [
                {
                    "EventId": str(at),
                    "LogicalResourceId": "Endpoint",
                    "ResourceStatus": "UPDATE_FAILED" if text else "UPDATE_COMPLETE",
                    "ResourceStatusReason": text,
                }
                for at, text in enumerate(self.events)
            ]
            yield {"StackEvents": events[::-1]}
            return
        arn = "arn:aws:sagemaker:eu-west-1:000000000000"
        yield {
            "StackResourceSummaries": [
                resource("AWS::SageMaker::Endpoint", f"{arn}:endpoint/donut"),
                resource("AWS::SageMaker::EndpointConfig", f"{arn}:endpoint-config/{self.config}"),
                resource("AWS::SageMaker::EndpointConfig", f"{arn}:endpoint-config/older", "DELETE_COMPLETE"),
            ]
        }

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert EndpointName == "donut"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find endpoint"}}, "D")
        return answer


def resource(kind: str, physical_id: str, status: str = "CREATE_COMPLETE") -> dict[str, str]:
    return {"ResourceType": kind, "PhysicalResourceId": physical_id, "ResourceStatus": status}


def serving(
    config: str, *, status: str = "InService", instances: int = 1, why: str | None = None, changed: str = "noon"
) -> dict[str, Any]:
    answer = {
        "LastModifiedTime": changed,
        "EndpointStatus": status,
        "EndpointConfigName": config,
        "ProductionVariants": [{"CurrentInstanceCount": instances}],
    }
    return answer | ({"FailureReason": why} if why else {})


class Deploys:
    """A deploy command: each run has its exit status, what the stack then holds, and an event."""

    def __init__(self, aws: Aws, *runs: tuple[int, str | None, str]) -> None:
        self.aws, self.runs = aws, list(runs)

    def __call__(self) -> int:
        status, self.aws.config, event = self.runs.pop(0)
        self.aws.events.append(event)
        return status


def roll_out(aws: Any, *runs: tuple[int, str | None, str], timeout: float = 5) -> tuple[RolloutResult, list[str]]:
    said: list[str] = []
    deploys = Deploys(aws, *runs)
    result = Rollout(aws, aws, stack=STACK, say=said.append, timeout=timeout, poll_seconds=0).run(deploys)
    assert not deploys.runs
    return result, said


def test_a_first_deploy_waits_for_nothing() -> None:
    result, said = roll_out(Aws(None, serving("new")), (0, "new", ""))
    assert result == RolloutResult("donut", is_unchanged_and_asleep=False)
    assert said == ["donut serves new, as deployed."]


def test_it_waits_for_an_update_before_it_deploys() -> None:
    aws = Aws(
        "old", serving("old", status="Updating"), serving("old", status="Updating"), serving("old"), serving("new")
    )
    result, said = roll_out(aws, (0, "new", ""))
    assert result == RolloutResult("donut", is_unchanged_and_asleep=False)
    assert said == ["Endpoint donut is Updating: waiting.", "donut serves new, as deployed."]


@pytest.mark.parametrize(("instances", "asleep"), [(0, True), (1, False)])
def test_a_sleeping_endpoint_with_the_configuration_from_before_is_reported(instances: int, *, asleep: bool) -> None:
    result, _ = roll_out(Aws("same", serving("same", instances=instances)), (0, "same", ""))
    assert result == RolloutResult("donut", is_unchanged_and_asleep=asleep)


def test_a_deploy_rejected_because_of_a_scaling_action_is_repeated() -> None:
    aws = Aws("old", serving("old"), serving("old"), serving("new"))
    result, said = roll_out(aws, (1, "old", REFUSED), (0, "new", ""))
    assert result == RolloutResult("donut", is_unchanged_and_asleep=False)
    assert said[0] == "A scaling action on donut had just started: waiting, then deploying again."


def test_a_rejection_of_an_earlier_deploy_is_no_reason_to_repeat() -> None:
    aws = Aws("old", serving("old"))
    aws.events.append(REFUSED)
    with pytest.raises(RolloutError, match="failed with exit status 1 and was rolled back: donut is InService"):
        roll_out(aws, (1, "old", "No such image"))


def test_it_gives_up_after_three_attempts() -> None:
    runs = [(1, "old", REFUSED)] * 3
    with pytest.raises(RolloutError, match="serves old, as before"):
        roll_out(Aws("old", serving("old")), *runs)


def test_a_failed_deploy_reports_what_serves_and_why() -> None:
    failed = serving("old", why="The image 'x' could not be pulled.")
    with pytest.raises(RolloutError) as raised:
        roll_out(Aws("old", serving("old"), failed), (1, "old", "failed to stabilize"))
    assert str(raised.value).endswith(
        "serves old, as before. CloudFormation's reason: Endpoint: failed to stabilize Its reason: The image 'x' could "
        "not be pulled."
    )


STALE = serving("old", why="The image of last week could not be pulled.")


def test_the_reason_of_an_earlier_update_does_not_explain_a_new_refusal() -> None:
    with pytest.raises(RolloutError) as raised:
        roll_out(Aws("old", STALE), (1, "old", "The quota is exceeded."))
    assert str(raised.value).endswith("as before. CloudFormation's reason: Endpoint: The quota is exceeded.")


def test_nor_does_it_after_a_scaling_action() -> None:
    scaled = {**STALE, "LastModifiedTime": "one"}
    with pytest.raises(RolloutError) as raised:
        roll_out(Aws("old", STALE, scaled), (1, "old", "The quota is exceeded."))
    assert str(raised.value).endswith("as before. CloudFormation's reason: Endpoint: The quota is exceeded.")


def test_nor_does_it_explain_a_silent_rollback_but_the_same_reason_of_a_new_update_does() -> None:
    with pytest.raises(RolloutError, match=r"SageMaker rolled back to the old configuration\.$"):
        roll_out(Aws("old", STALE), (0, "new", ""))
    again = {**STALE, "LastModifiedTime": "one"}
    with pytest.raises(RolloutError, match="Its reason: The image of last week"):
        roll_out(Aws("old", STALE, again), (0, "new", ""))


def test_the_first_failure_of_the_deploy_is_the_reason_and_none_from_before() -> None:
    aws = Aws("old", serving("old"))
    aws.events.append("An old story.")
    deploys = Deploys(aws, (1, "old", "No such key."))

    def two_failures() -> int:
        status = deploys()
        aws.events.append("Resource update cancelled")
        return status

    with pytest.raises(RolloutError, match=r"CloudFormation's reason: Endpoint: No such key\.$"):
        Rollout(aws, aws, stack=STACK, say=lambda _: None, timeout=5, poll_seconds=0).run(two_failures)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("aws", "serves"),
    [
        (Aws("new", serving("new")), True),
        (Aws("new", serving("old")), False),
        (Aws("new", serving("new", status="Updating")), False),
        (Aws("new", None), False),
        (Aws(None, None), False),
    ],
)
def test_it_knows_whether_the_deployed_configuration_serves(aws: Any, *, serves: bool) -> None:
    assert Rollout(aws, aws, stack=STACK, say=print, timeout=5).serves_as_deployed() is serves


def test_a_silent_rollback_is_an_error() -> None:
    with pytest.raises(RolloutError, match=r"InService and serves old, not the deployed new: SageMaker rolled back"):
        roll_out(Aws("old", serving("old"), serving("old", why="Alarm fired")), (0, "new", ""))


def test_a_first_deploy_that_fails_leaves_no_endpoint() -> None:
    with pytest.raises(RolloutError, match="failed with exit status 1, and there is no endpoint"):
        roll_out(Aws(None, None), (1, None, ""))


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("failed to stabilize: The provided role 'r' is invalid. Please ensure the role exists", True),
        ("Could not access model data at s3://b/m.tar.gz. Please ensure that the role", True),
        ("The image 'x' could not be pulled.", False),
    ],
)
def test_a_new_role_that_is_rejected_is_worth_a_second_deploy(reason: str, *, hint: bool) -> None:
    aws = Aws(None, None)
    with pytest.raises(RolloutError) as failed:
        roll_out(aws, (1, "gone", reason))
    assert ("may not have propagated yet: deploy again" in str(failed.value)) == hint


def test_a_stack_without_an_endpoint_is_the_wrong_one() -> None:
    with pytest.raises(RolloutError, match=f"Stack {STACK} has no endpoint"):
        roll_out(Aws(None, None), (0, None, ""))


def test_it_does_not_wait_for_ever() -> None:
    with pytest.raises(RolloutError, match="Endpoint donut was still Updating after 0 s; nothing more was done"):
        roll_out(Aws("old", serving("old", status="Updating")), (0, "new", ""), timeout=0)
