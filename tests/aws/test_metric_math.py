"""Metric math as AWS evaluates it: the guide's examples, which are asserted, and what it leaves open, which is told.

Custom metrics of a few minutes are put and asked for by GetMetricData, which evaluates expressions as alarms do.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.aws.conftest import ROOT, Account, Ledger

pytestmark = pytest.mark.aws

TABLE: dict[str, Any] = json.loads(
    (ROOT / "tests" / "conformance" / "tables" / "metric-math.json").read_text(encoding="utf-8")
)
NAMESPACE = "AsyncEndpointSuite"
# A new metric may be listed 15 minutes after its first datapoint.
SHOWN_SECONDS = 1200.0
OPEN = {
    "math.fill-of-nothing": "FILL(nothing, 7)",
    "math.scalar-meets-missing": "metric2 >= 0",
    "math.scalar-meets-missing, added": "metric2 + 1",
    "math.scalar-meets-missing, with OR": "metric2 > 15 OR 0",
}
Values = list[float | None]


class Series:
    """The table's series as custom metrics of a run, one minute for each value, half an hour ago."""

    def __init__(self, account: Account) -> None:
        self._cloudwatch = account.client("cloudwatch")
        self._start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
        self._run = f"{time.time_ns()}"

    def _metric(self, group: str, name: str) -> dict[str, Any]:
        dimensions = [{"Name": "Run", "Value": self._run}, {"Name": "Group", "Value": group}]
        return {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}

    def put(self, group: str, series: dict[str, Values]) -> None:
        for name, values in series.items():
            metric = self._metric(group, name)
            data = [
                {"MetricName": name, "Dimensions": metric["Dimensions"], "Value": value,
                 "Timestamp": self._start + timedelta(minutes=minute)}
                for minute, value in enumerate(values) if value is not None
            ]  # fmt: skip
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def ask(self, group: str, names: list[str], expression: str, count: int) -> Values | None:
        """The expression's values minute by minute; None where this AWS does not evaluate any."""
        queries: list[dict[str, Any]] = [{"Id": "result", "Expression": expression, "Period": 60}]
        queries += [
            {"Id": name, "MetricStat": {"Metric": self._metric(group, name), "Period": 60, "Stat": "Sum"},
             "ReturnData": False}
            for name in [*names, "nothing"]
        ]  # fmt: skip
        end = self._start + timedelta(minutes=count)
        found = self._cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=self._start, EndTime=end)
        (result,) = [each for each in found["MetricDataResults"] if each["Id"] == "result"]
        if result["StatusCode"] == "InternalError":
            return None
        known = dict(zip(result["Timestamps"], result["Values"], strict=True))
        return [known.get(self._start + timedelta(minutes=minute)) for minute in range(count)]


def test_expressions_are_worth_what_the_guide_says(account: Account, ledger: Ledger) -> None:
    series = Series(account)
    for group, values in TABLE["series"].items():
        series.put(group, values)
    told = TABLE["series"]["if"]
    if series.ask("if", [*told], "metric1 + 0", 1) is None:
        pytest.skip("this AWS evaluates no metric math in GetMetricData, which the local one does in alarms alone")
    deadline = time.monotonic() + SHOWN_SECONDS
    while series.ask("if", [*told], "metric2 + metric3", 5) != [30, 0, 20, 0, 50]:
        assert time.monotonic() < deadline, f"the custom metrics were not shown within {SHOWN_SECONDS:g} s"
        time.sleep(10)
    for row, expression in OPEN.items():
        ledger.note(
            f"docs/evidence.md, {row}: {expression} of {told['metric2']}", str(series.ask("if", [*told], expression, 5))
        )
    wrong = {}
    for group, expression, wanted in TABLE["rows"]:
        found = series.ask(group, [*TABLE["series"][group]], expression, len(wanted))
        if found != wanted:
            wrong[expression] = f"{found}, not {wanted}"
    assert wrong == {}
