"""The alarm on overdue jobs fires on what the reconciler publishes, and ends with it."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from async_endpoint.emulator.loopback import fetch_json
from reconcile.adapters import JobMetrics
from reconcile.ports import Waiting
from tests.emulator.conftest import Running
from tests.emulator.fakes import REGION, eventually

THRESHOLD = 5460.0
PATIENCE = 180.0


def test_it_fires_after_two_runs_with_an_overdue_job_and_ends_without(running: Running) -> None:
    cloudwatch, endpoint = running.client("cloudwatch"), f"endpoint-{uuid.uuid4().hex[:12]}"
    # As the stack sets it: tests/stacks/constructs/test_reconciler.py.
    cloudwatch.put_metric_alarm(
        AlarmName=endpoint,
        Namespace="AsyncEndpoint",
        MetricName="OldestSubmittedJob",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=4,
        DatapointsToAlarm=2,
        Threshold=THRESHOLD,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    metrics = JobMetrics(cloudwatch, endpoint)

    def is_with(state: str, oldest: timedelta) -> Any:
        """Publishes as each run does, and returns whether the alarm is in a state."""

        def run() -> bool:
            # AWS's clock, on which the rule's events are dated.
            overview = fetch_json(f"{running.local.endpoint_url}/_local/overview?region={REGION}")
            at = datetime.fromtimestamp(overview["clock"]["now"], UTC)
            metrics.put(Waiting(at, oldest, overdue=int(oldest.total_seconds() > THRESHOLD)))
            found = cloudwatch.describe_alarms(AlarmNames=[endpoint])["MetricAlarms"]
            return bool(found[0]["StateValue"] == state)

        return run

    eventually(is_with("OK", timedelta(hours=1)), "an alarm with data", limit=PATIENCE, every=0.5)
    eventually(is_with("ALARM", timedelta(hours=2)), "the alarm", limit=PATIENCE, every=0.5)
    eventually(is_with("OK", timedelta(0)), "the end of the alarm", limit=PATIENCE, every=0.5)
    cloudwatch.delete_alarms(AlarmNames=[endpoint])
