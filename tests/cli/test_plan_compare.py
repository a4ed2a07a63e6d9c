"""`async-endpoint plan --compare`, with a jobs table and a CloudWatch over HTTP."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.planner import Durations
from async_endpoint.protocol import VARIANT_NAME, JobRecord, JobState
from tests.planner.stages import ENDPOINT, documented, endpoint

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

    from tests.support.deployed_workflow import DeployedWorkflow

TIMES = ("--service-seconds", "2", "--start-seconds", "240", "--concurrency", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, resources in (("fixed", endpoint()), ("scaled", documented())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Stage.template.json").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", *arguments])


@pytest.fixture
def began() -> datetime:
    """A minute within the last hour."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=40)


def put(began: datetime, namespace: str, metric: str, *values: tuple[float, float]) -> None:
    """Puts a datum for each pair of seconds since a moment and value."""
    dimensions = [{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": VARIANT_NAME}]
    data: list[Any] = [
        {"MetricName": metric, "Dimensions": dimensions, "Timestamp": began + timedelta(seconds=at), "Value": value}
        for at, value in values
    ]
    typed: list[MetricDatumTypeDef] = data
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=typed)


def happened(deployed: DeployedWorkflow, began: datetime, *jobs: tuple[str, float, float | None, JobState]) -> None:
    """Records jobs: a name, when it came and when it ended in seconds since a moment, and its state."""
    for name, came, ended, state in jobs:
        texts = [
            None if at is None else (began + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            for at in (came, came + 1, ended)
        ]
        record = JobRecord(job_id=name, state=state, received_at=texts[0], submitted_at=texts[1], ended_at=texts[2])
        deployed.jobs.merge(record)


def test_what_was_planned_is_beside_what_happened(deployed: DeployedWorkflow, began: datetime) -> None:
    happened(
        deployed,
        began,
        ("a", 30, 90, JobState.COMPLETED),
        ("b", 60, 94, JobState.COMPLETED),
        ("c", 61, 96, JobState.FAILED),
        ("d", 1_000, None, JobState.SUBMITTED),
    )
    put(began, "/aws/sagemaker/Endpoints", "CPUUtilization", *((second, 50.0) for second in range(61, 900, 60)))
    put(began, "AWS/SageMaker", "ModelLatency", *((60 + at, 1e6 * at) for at in range(1, 21)))

    result = plan("fixed", "--compare", "1h", "--stack", deployed.stack, *TIMES, "--calibration", "measured.toml")
    found = plan("fixed", "--compare", "1h", "--stack", deployed.stack, *TIMES, "--json")

    assert result.exit_code == 0, result.output
    rows = [line.split("  ") for line in result.stdout.splitlines()]
    cells = {row[0] or row[1]: [cell.strip() for cell in row if cell.strip()][-2:] for row in rows if len(row) > 2}
    assert cells["documents"] == ["4", "4"]
    assert cells["processed"] == ["4", "3"]
    assert cells["instance hours"] == ["1.0", "0.2"]
    assert cells["until the outcome p50"] == ["2.0 s", "34 s"]
    document = json.loads(found.stdout)
    assert document["planned"]["turnaround_seconds"] == {"p50": 2, "p95": 3, "p99": 3}
    assert document["happened"]["turnaround_seconds"] == {"p50": 34, "p95": 60, "p99": 60}
    assert document["happened"]["states"] == {"COMPLETED": 2, "FAILED": 1, "SUBMITTED": 1}
    assert document["happened"]["instance_hours"] == pytest.approx(14 / 60, abs=0.001)
    assert document["happened"]["asleep"] == pytest.approx(1 - 14 / 60, abs=0.02)
    calibration = tomllib.loads(Path("measured.toml").read_text(encoding="utf-8"))["plan"]
    assert calibration == {"service_seconds": document["service_seconds"]}
    (half, _), *_, (_, longest) = Durations.parse(calibration["service_seconds"]).points
    assert half == 50
    assert 19 <= longest <= 20


def test_a_period_without_documents_and_a_file_that_exists_are_said(
    deployed: DeployedWorkflow, began: datetime
) -> None:
    compared = ("scaled", "--compare", "1h", "--stack", deployed.stack, *TIMES)
    empty = plan(*compared)
    assert (empty.exit_code, empty.stdout) == (1, "")
    assert "No document arrived from " in empty.stderr
    happened(deployed, began, ("a", 30, 90, JobState.COMPLETED))
    Path("mine.toml").write_text("mine", encoding="utf-8")
    refused = plan(*compared, "--calibration", "mine.toml")
    assert refused.exit_code == 1
    assert "mine.toml exists" in refused.stderr
    assert Path("mine.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fixed", "--compare", "1h", *TIMES), "--stage"),
        (("fixed", "--compare", "soon", "--stage", "dev", *TIMES), "--compare as 1d"),
        (("fixed", "--compare", "2999-01-01", "--stage", "dev", *TIMES), "a moment that is over"),
        (("fixed", "scaled", "--compare", "1h", "--stage", "dev", *TIMES), "takes one TEMPLATE, and 2 are named"),
        (("fixed", "--compare", "1h", "--pattern", "rate=1", "--stage", "dev", *TIMES), "one of them"),
        (("fixed", "--pattern", "rate=1", "--stack", "w", *TIMES), "belong to --compare"),
        (("fixed", "--compare", "1d", "--stage", "dev"), "Give --service-seconds and --start-seconds"),
        (("fixed", "--compare", "1h", "--stage", "dev", "--instance-price", "1", *TIMES), "do not go with --compare"),
        (("fixed", "--compare", "1h", "--stage", "dev", "--report", "a.html", *TIMES), "do not go with --compare"),
        (("fixed", "--pattern", "rate=1", "--calibration", "new.toml", *TIMES), "belong to --compare"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = plan(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
