"""`async-endpoint jobs --cost`, with metrics of a real CloudWatch API."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import click
import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.cli.job_cost import CostOptions, period_of
from async_endpoint.protocol import VARIANT_NAME, JobsTableWriter
from tests.support.jobs_table import failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("jobs", *arguments))


@pytest.mark.usefixtures("local_services")
def test_jobs_and_their_sum_are_charged_what_instances_reported(jobs_table: Table) -> None:
    endpoint, start = uuid.uuid4().hex, datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
    for minute, instances in ((0, 1), (1, 2), (9, 1)):
        for _ in range(instances):
            boto3.client("cloudwatch").put_metric_data(
                Namespace="/aws/sagemaker/Endpoints",
                MetricData=[
                    {
                        "MetricName": "CPUUtilization",
                        "Dimensions": [
                            {"Name": "EndpointName", "Value": endpoint},
                            {"Name": "VariantName", "Value": VARIANT_NAME},
                        ],
                        "Timestamp": start + timedelta(minutes=minute, seconds=1),
                        "Value": 50.0,
                    }
                ],
            )
    for name, second in (("a", 20), ("b", 100), ("long-ago", -999_999)):
        JobsTableWriter(jobs_table).merge(failed(name, start + timedelta(seconds=second)))
    options = ("--cost", "--since", "1h", "--table", jobs_table.name, "--endpoint", endpoint)
    lines = command(*options, "--json", "--instance-price", "3.6")
    text = command(*options, "--limit", "1")

    assert (lines.exit_code, text.exit_code) == (0, 0), lines.output + text.output
    *jobs, total = map(json.loads, lines.stdout.splitlines())
    assert jobs == [
        {"job_id": "b", "instance_seconds": 90, "usd": 0.09},
        {"job_id": "a", "instance_seconds": 90, "usd": 0.09},
    ]
    assert (total["instance_seconds"], total["usd"], total["unassigned_instance_seconds"]) == (240, 0.24, 60)
    assert total["covered"] == pytest.approx(3 / 60)
    assert "90 s  FAILED     b" in text.stdout
    assert "FAILED     a" not in text.stdout
    assert "240 s, 2 jobs, 2 attempts" in text.stdout
    assert "--instance-price" in text.stdout


@pytest.mark.parametrize(
    ("since", "month", "begin", "end"),
    [
        (None, None, datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)),
        ("30m", None, datetime(2026, 3, 10, 11, 30, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)),
        ("2026-03-01", None, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)),
        (None, "2025-12", datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (None, "2026-03", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)),
    ],
)
def test_the_period_is_in_whole_minutes(since: str | None, month: str | None, begin: datetime, end: datetime) -> None:
    period = period_of(CostOptions(since, month, None, None), NOW)
    assert (period.begin, period.end) == (begin.timestamp(), end.timestamp())


@pytest.mark.parametrize(
    ("since", "month"), [("1d", "2026-01"), ("soon", None), (None, "2026-13"), (None, "2026-04"), ("2026-03-11", None)]
)
def test_what_is_no_period_is_wrong_usage(since: str | None, month: str | None) -> None:
    with pytest.raises(click.UsageError, match="--month"):
        period_of(CostOptions(since, month, None, None), NOW)


def test_a_price_without_cost_is_wrong_usage() -> None:
    assert command("--instance-price", "1", "--table", "any").exit_code == 2
