"""No resource outside the stage's stacks may have its physical names."""

from __future__ import annotations

from typing import Any

import pytest

from async_endpoint.operations.preflight.assembly import PhysicalName
from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.physical_names import check_log_groups, judge_endpoints, judge_log_groups
from tests.operations.preflight.fakes import REGION, client_error

OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


def test_a_log_group_that_no_stack_of_the_stage_owns_is_an_error() -> None:
    group = PhysicalName("s", "/logs/e")
    assert judge_log_groups([group], {}, REGION).status is OK
    check = judge_log_groups([group], {group: False, PhysicalName("s", "/logs/f"): False}, REGION)
    assert check.status is ERROR
    # What a shell runs of the line only looks; the deletion is behind the comment's sign.
    run, _, comment = (check.fix or "").partition("   # ")
    assert run == (
        "aws logs describe-log-streams --log-group-name /logs/e --order-by LastEventTime --descending --max-items 5 "
        f"--region {REGION} && aws logs describe-log-streams --log-group-name /logs/f --order-by LastEventTime "
        f"--descending --max-items 5 --region {REGION}"
    )
    # zsh knows no comments at its prompt: nothing behind the sign may begin another command.
    assert not set("&|;`") & set(comment)
    assert "set endpoint.name in config/STAGE.toml to another name" in comment
    assert f"aws logs delete-log-group --log-group-name /logs/e --region {REGION}" in comment


def test_a_log_group_whose_endpoint_exists_must_not_be_deleted() -> None:
    used, left = PhysicalName("s", "/logs/used"), PhysicalName("s", "/logs/left")
    fix = judge_log_groups([used, left], {used: True, left: False}, REGION).fix or ""
    assert fix.startswith("Set endpoint.name in config/STAGE.toml to another name")
    assert "delete" not in fix


class Aws:
    """CloudWatch Logs with the group of an endpoint, and SageMaker's answer about that endpoint."""

    def __init__(self, answer: Exception | None) -> None:
        self.logs = self.sagemaker = self
        self._answer = answer

    def describe_log_groups(self, **_: Any) -> dict[str, Any]:
        return {"logGroups": [{"logGroupName": "/aws/sagemaker/Endpoints/e"}]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert EndpointName == "e"
        if self._answer:
            raise self._answer
        return {"EndpointStatus": "InService"}


@pytest.mark.parametrize(
    ("answer", "offers_deletion"),
    [
        (None, False),
        (client_error("AccessDeniedException"), False),
        (client_error("ValidationException", 'Could not find endpoint "e".'), True),
    ],
)
def test_a_log_group_is_offered_for_deletion_only_if_its_endpoint_is_known_to_be_deleted(
    answer: Exception | None, *, offers_deletion: bool
) -> None:
    clients: Any = Aws(answer)
    check = check_log_groups(clients, [PhysicalName("s", "/aws/sagemaker/Endpoints/e")], [], REGION)
    assert check.status is ERROR
    assert ("delete-log-group" in (check.fix or "")) == offers_deletion


def test_an_endpoint_that_no_stack_owns_is_an_error_and_a_failed_one_a_warning() -> None:
    named = PhysicalName("s", "e")
    assert judge_endpoints({}, [], REGION).status is OK
    assert judge_endpoints({named: "InService"}, [named], REGION).status is OK
    assert judge_endpoints({named: "Failed"}, [named], REGION).status is WARNING
    check = judge_endpoints({named: "InService"}, [], REGION)
    assert check.status is ERROR
    assert check.fix == (
        "Set endpoint.name in config/STAGE.toml to another name. To see the endpoint: "
        f"aws sagemaker describe-endpoint --endpoint-name e --region {REGION}"
    )
