"""A job that the reconciler cannot finish raises the alarm on overdue jobs, and the alarm ends with the cause."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from async_endpoint.protocol import JobsTableWriter, JobState, Upload, record_submitted
from tests.end_to_end.conftest import Stage, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

ALARM_SECONDS = 90.0


@pytest.fixture
def no_heads(stage: Stage) -> Iterator[None]:
    """S3 answers every HeadObject with an error, as it would without the permission."""
    stage.local.faults.add("error", service="s3", operation="HeadObject")
    yield
    stage.local.faults.clear()


def alarm_state() -> str:
    states = [
        each["StateValue"]
        for each in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if "ReconcilerOverdue" in each["AlarmName"]
    ]
    (state,) = states
    return state


def test_the_alarm_fires_while_an_overdue_job_cannot_be_finished_and_no_longer(stage: Stage, no_heads: None) -> None:
    del no_heads
    now = datetime.now(UTC)
    lost = Upload(bucket="gone", key="inbox/lost.png", version="v1", region="x", received_at=now)
    job = record_submitted(
        lost,
        at=now - timedelta(days=1),
        content_type="image/png",
        output_location=f"s3://{stage.deployment.outputs}/results/lost.out",
        failure_location=None,
        expires_at=4_000_000_000,
    )
    writer = JobsTableWriter(boto3.resource("dynamodb").Table(stage.deployment.jobs_table))
    assert writer.merge(job).state is JobState.SUBMITTED

    wait_for(lambda: alarm_state() == "ALARM" or None, ALARM_SECONDS, "the alarm")

    stage.local.faults.clear()
    wait_for(lambda: alarm_state() == "OK" or None, ALARM_SECONDS, "the end of the alarm")
    found = writer.get(lost.job_id)
    assert found is not None
    assert found.state is JobState.EXPIRED
