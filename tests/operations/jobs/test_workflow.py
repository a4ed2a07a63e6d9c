"""A workflow stack is found by its outputs."""

import uuid

import boto3
import pytest

from async_endpoint.operations.jobs.workflow import Workflow
from async_endpoint.operations.stack_outputs import StackError
from tests.support.deployed_workflow import RETENTION_DAYS, DeployedWorkflow, deploy_outputs


def test_the_outputs_say_everything(deployed: DeployedWorkflow) -> None:
    workflow = Workflow.from_stack(boto3.client("cloudformation"), deployed.stack)

    assert (workflow.jobs_table, workflow.retention_days) == (deployed.table.name, RETENTION_DAYS)
    assert workflow.inbox.uri == f"s3://{deployed.bucket}/inbox/"
    assert workflow.urgent_inbox.uri == f"s3://{deployed.bucket}/inbox-urgent/"
    assert workflow.queues == {"intake": deployed.intake, "urgent": deployed.urgent, "results": deployed.results}
    assert workflow.intake.name == f"{deployed.stack}-Intake"


@pytest.mark.usefixtures("local_services")
def test_a_stack_of_an_earlier_version_is_to_be_deployed_again() -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    deploy_outputs(name, {"JobsTableName": "jobs", "InboxLocation": "s3://inputs/inbox/"})

    with pytest.raises(StackError, match=r"has no output JobRetentionDays, UrgentInboxLocation, .*deploy it again"):
        Workflow.from_stack(boto3.client("cloudformation"), name)
