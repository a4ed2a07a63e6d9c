"""Which jobs are announced again, and what the notify function's response means."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.client import JobsTableReader
from async_endpoint.operations.jobs.announcement import AnnouncementError, Announcer, jobs_with_outcomes
from async_endpoint.protocol import JobState
from tests.support.deployed_workflow import DeployedWorkflow


class Functions:
    """boto3's client of lambda, as far as it is used."""

    def __init__(self, *responses: dict[str, Any], error: str | None = None) -> None:
        self.responses = list(responses)
        self.error = {"FunctionError": error} if error else {}
        self.batches: list[list[str]] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "notify"
        self.batches.append(json.loads(Payload)["job_ids"])
        body = self.responses.pop(0) if self.responses else {"not_announced": []}
        return {"Payload": io.BytesIO(json.dumps(body).encode()), **self.error}


def test_jobs_are_announced_in_batches_and_the_others_are_named() -> None:
    functions = Functions({"not_announced": ["3"]})

    found = list(Announcer(functions, "notify").announce([str(number) for number in range(120)]))

    assert [len(batch) for batch in functions.batches] == [50, 50, 20]
    assert found == [(50, ["3"]), (50, []), (20, [])]


def test_a_function_that_fails_is_an_error_with_its_reason() -> None:
    functions = Functions({"errorMessage": "SETTINGS are missing"}, error="Unhandled")

    with pytest.raises(AnnouncementError, match="notify failed: SETTINGS are missing"):
        list(Announcer(functions, "notify").announce(["a"]))


def test_only_jobs_that_ended_since_then_are_chosen(deployed: DeployedWorkflow, s3: S3Client) -> None:
    deployed.failed("inbox/old", ago=timedelta(hours=2))
    deployed.received("inbox/open")
    deployed.submitted("inbox/submitted")
    failed = deployed.failed("inbox/new", ago=timedelta(minutes=5))
    jobs = JobsTableReader(deployed.table, s3)
    since = datetime.now(UTC) - timedelta(hours=1)

    assert list(jobs_with_outcomes(jobs, None, since)) == [failed]
    assert list(jobs_with_outcomes(jobs, JobState.EXPIRED, since)) == []
