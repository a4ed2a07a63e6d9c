"""The workflow around an endpoint, its queues and its jobs, as the page finds them."""

import pytest

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.console.workflow import EndpointWorkflow, QueueDepth
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.protocol import attempt_id, merge_records, record_attempt
from tests.emulator.conftest import Running
from tests.emulator.console.deployed import ENDPOINT, DeployedStage
from tests.emulator.console.pages import page
from tests.emulator.fakes import FakeRegion


def found(clients: AwsClients, stage: DeployedStage) -> EndpointWorkflow:
    workflow = EndpointWorkflow.find(clients, ENDPOINT)
    assert workflow
    assert workflow.stack == stage.stack
    return workflow


def test_the_workflow_is_that_of_the_endpoints_stage(
    clients: AwsClients, deployed: DeployedStage, running: Running
) -> None:
    assert found(clients, deployed).outputs["JobsTableName"] == deployed.table.name
    assert EndpointWorkflow.find(clients, "another") is None
    running.client("cloudformation").delete_stack(StackName=deployed.stack)
    assert EndpointWorkflow.find(clients, ENDPOINT) is None


def test_queues_have_what_waits_what_is_in_flight_and_their_dead_letters(
    clients: AwsClients, deployed: DeployedStage, running: Running, faults: FaultClient
) -> None:
    sqs = running.client("sqs")
    for output, delay in (("IntakeQueueUrl", 0), ("IntakeQueueUrl", 0), ("IntakeQueueUrl", 900)):
        sqs.send_message(QueueUrl=deployed.urls[output], MessageBody="m", DelaySeconds=delay)
    for output in ("ResultsDeadLettersUrl", "EventsDeadLettersUrl", "EventsDeadLettersUrl"):
        sqs.send_message(QueueUrl=deployed.urls[output], MessageBody="m")
    sqs.receive_message(QueueUrl=deployed.urls["IntakeQueueUrl"], MaxNumberOfMessages=1)
    faults.add("error", service="sqs")  # no fault strikes a page

    assert found(clients, deployed).queues() == [
        QueueDepth("intake", 2, 1, 0),
        QueueDepth("urgent", 0, 0, 0),
        QueueDepth("results", 0, 0, 1),
        QueueDepth("events", None, None, 2),
    ]


def test_a_queue_that_is_gone_is_unknown_and_the_others_are_shown(
    connected: FakeRegion, deployed: DeployedStage, running: Running
) -> None:
    running.client("sqs").delete_queue(QueueUrl=deployed.urls["UrgentDeadLettersUrl"])
    assert found(connected.clients, deployed).queues()[1] == QueueDepth("urgent", 0, 0, None)
    text = " ".join(page(connected).text.split())
    assert "Queues of the workflow queue waiting in flight dead letters intake 0 0 0 urgent 0 0 - results" in text


def test_a_job_is_found_by_the_id_of_each_of_its_attempts(clients: AwsClients, deployed: DeployedStage) -> None:
    job = deployed.failed()
    assert job.ended_at
    again = merge_records(job, record_attempt(job, cause="c", at=deployed.now()))
    deployed.jobs.merge(again)
    second = deployed.jobs.name_attempt(again)
    deployed.table.put_item(Item={"job_id": "damaged", "state": "NONE"})

    jobs = found(clients, deployed).jobs([second, job.job_id, second, "unknown", "damaged"])

    assert second == attempt_id(job.job_id, 2)
    assert jobs is not None
    assert {name: (each.job_id, each.attempt) for name, each in jobs.items()} == {
        second: (job.job_id, 2),
        job.job_id: (job.job_id, 2),
    }


def test_more_jobs_than_one_call_takes(clients: AwsClients, deployed: DeployedStage) -> None:
    jobs = [deployed.failed().job_id for _ in range(3)]
    ids = [jobs[0], *(f"none-{number}" for number in range(150)), *jobs[1:]]
    assert sorted(found(clients, deployed).jobs(ids) or ()) == sorted(jobs)


@pytest.mark.usefixtures("deployed")
def test_without_the_services_there_is_no_workflow(region: FakeRegion) -> None:
    assert EndpointWorkflow.find(region.clients, ENDPOINT) is None
    assert "Queues of the workflow" not in page(region).text
