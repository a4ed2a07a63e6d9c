"""A failure that another attempt may cure is submitted again, once for each attempt, and the job has one outcome."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from async_endpoint.protocol import AttemptRequest, JobState, attempt_id, build_failure, build_success
from record.logic import parse_outcome
from shared.outcomes import OutcomeWriter
from tests.support.intake import Intake, object_created

MOMENT = datetime(2027, 1, 15, 8, 3, tzinfo=UTC)
SERVER_ERROR = "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs in your account."
CLIENT_ERROR = SERVER_ERROR.replace("server error (500)", "client error (400)")


@dataclass
class Workflow:
    """The submitting and the recording function on one table, with the endpoint, S3 and the queue in memory."""

    intake: Intake = field(default_factory=Intake)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[AttemptRequest, int]] = field(default_factory=list)

    def read(self, location: str) -> bytes | None:
        return self.objects.get(location)

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        self.requests.append((request, delay_seconds))

    def upload(self) -> None:
        self.intake.put("inbox/a.png")
        self.intake.deliver(object_created("inbox/a.png"))

    def attempt(self) -> str:
        """Delivers the newest request for an attempt."""
        return self.intake.deliver(self.requests[-1][0].to_message())

    def notify(self, number: int, reason: str | None = None, *, located: bool = True) -> str:
        """Reports the outcome of an attempt: a failure with a reason, or a result."""
        common: dict[str, Any] = {
            "inference_id": attempt_id(self.intake.job.job_id, number),
            "endpoint_name": "receipts",
            "region": "eu-central-1",
            "received_time": MOMENT,
            "event_time": MOMENT,
        }
        if reason is None:
            message = build_success(**common, output_location=f"s3://outputs/{number}.out")
        else:
            message = build_failure(
                **common, failure_reason=reason, failure_location=f"s3://outputs/{number}-error" if located else None
            )
        return self.record(message)

    def record(self, message: dict[str, Any]) -> str:
        """Records the outcome in a notification."""
        jobs = self.intake.jobs
        writer = OutcomeWriter(
            jobs=jobs,
            failures=self,
            attempts=self,
            max_submissions=3,
            retry_delay_seconds=30,
            clock=lambda: self.intake.now,
        )
        outcome = parse_outcome(
            json.dumps(message), attempts=jobs, job_retention_days=30, clock=lambda: self.intake.now
        )
        assert outcome is not None
        return writer.write(outcome)

    @property
    def invoked(self) -> list[str | None]:
        return [request.inference_id for request in self.intake.endpoint.requests]


@pytest.fixture
def workflow() -> Workflow:
    workflow = Workflow()
    workflow.upload()
    return workflow


def test_a_failure_that_another_attempt_may_cure_is_submitted_again_under_another_id(workflow: Workflow) -> None:
    job_id = workflow.intake.job.job_id

    said = workflow.notify(1, SERVER_ERROR)

    assert said == f"Attempt 1 failed, and attempt 2 follows in 30 s: {SERVER_ERROR}"
    assert workflow.intake.job.cause == f"The attempt before it failed: {SERVER_ERROR}"
    job = workflow.intake.job
    assert (job.state, job.attempt, job.claimed_until) == (JobState.RECEIVED, 2, None)
    assert workflow.requests == [(AttemptRequest(job_id, 2), 30)]

    workflow.attempt()
    workflow.notify(2)

    job = workflow.intake.job
    assert workflow.invoked == [job_id, attempt_id(job_id, 2)]
    assert (job.state, job.attempt, job.outcome_location) == (JobState.COMPLETED, 2, "s3://outputs/2.out")
    assert [(each.number, each.state, each.reason) for each in job.attempts] == [
        (1, JobState.FAILED, SERVER_ERROR),
        (2, JobState.COMPLETED, None),
    ]


def test_attempts_wait_longer_and_longer_and_the_last_failure_is_final(workflow: Workflow) -> None:
    for number in (1, 2, 3):
        workflow.notify(number, SERVER_ERROR)
        if number < 3:
            workflow.attempt()

    assert [delay for _, delay in workflow.requests] == [30, 120]
    assert (workflow.intake.job.state, len(workflow.intake.job.attempts)) == (JobState.FAILED, 3)


def test_what_the_model_rejects_is_final_and_its_own_sentence_is_the_reason(workflow: Workflow) -> None:
    workflow.objects["s3://outputs/1-error"] = json.dumps({"error": "The PDF is\nencrypted."}).encode()

    workflow.notify(1, CLIENT_ERROR)

    reason = f"The PDF is encrypted. ({CLIENT_ERROR})"
    assert (workflow.intake.job.state, workflow.intake.job.reason) == (JobState.FAILED, reason)
    assert workflow.requests == []


def test_the_sentence_is_where_the_202_said_if_the_notification_does_not_say_it(workflow: Workflow) -> None:
    workflow.objects["s3://outputs/failures/1-error.out"] = b'{"error": "The PDF is encrypted."}'

    workflow.notify(1, CLIENT_ERROR, located=False)

    assert workflow.intake.job.reason == f"The PDF is encrypted. ({CLIENT_ERROR})"


def test_a_final_failure_that_somebody_takes_for_curable_stays_final(workflow: Workflow) -> None:
    """The reconciler, which knows no status, beside the notification."""
    workflow.notify(1, CLIENT_ERROR)
    workflow.notify(1, SERVER_ERROR)

    assert (workflow.intake.job.state, workflow.requests) == (JobState.FAILED, [])


@pytest.mark.parametrize("reason", ["ClientError: s3://inputs/inbox/a.png does not exist.", CLIENT_ERROR])
def test_a_failure_that_would_repeat_itself_is_final(workflow: Workflow, reason: str) -> None:
    workflow.notify(1, reason)

    assert (workflow.intake.job.state, workflow.requests) == (JobState.FAILED, [])


def test_a_notification_and_a_request_that_arrive_twice_submit_once(workflow: Workflow) -> None:
    workflow.notify(1, SERVER_ERROR)
    workflow.notify(1, SERVER_ERROR)
    workflow.attempt()
    assert workflow.attempt() == "Nothing to do: the job is SUBMITTED at attempt 2 already."
    workflow.notify(1, SERVER_ERROR)

    assert len(workflow.invoked) == 2
    assert workflow.intake.job.state is JobState.SUBMITTED


def test_the_event_of_the_upload_that_arrives_once_more_submits_nothing(workflow: Workflow) -> None:
    workflow.notify(1, SERVER_ERROR)
    said = workflow.intake.deliver(object_created("inbox/a.png"))

    assert said == "Nothing to do: the job is RECEIVED at attempt 2 already."
    assert len(workflow.invoked) == 1


def test_a_late_result_of_an_attempt_that_was_given_up_is_the_job_s_result(workflow: Workflow) -> None:
    workflow.notify(1, SERVER_ERROR)
    workflow.notify(1)

    assert workflow.attempt() == "Nothing to do: the job is COMPLETED already."
    job = workflow.intake.job
    assert (job.state, job.outcome_location, len(workflow.invoked)) == (JobState.COMPLETED, "s3://outputs/1.out", 1)


def test_a_client_s_own_job_is_left_to_its_client() -> None:
    workflow = Workflow()
    workflow.upload()
    foreign = build_failure(
        inference_id="a-client-s-own",
        endpoint_name="receipts",
        failure_reason=SERVER_ERROR,
        region="eu-central-1",
        received_time=MOMENT,
        event_time=MOMENT,
    )
    workflow.record(foreign)

    job = workflow.intake.jobs.get("a-client-s-own")
    assert job is not None
    assert (job.state, workflow.requests) == (JobState.FAILED, [])


def test_a_request_for_an_attempt_of_an_unknown_job_is_an_error_in_a_sentence(workflow: Workflow) -> None:
    with pytest.raises(ValueError, match="Attempt 2 of the job nowhere is requested, but the jobs table"):
        workflow.intake.deliver(AttemptRequest("nowhere", 2).to_message())
