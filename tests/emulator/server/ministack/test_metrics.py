"""Metric data in ministack's CloudWatch: as statistic sets, and for a bounded time."""

import importlib
import uuid
from typing import Any

import pytest

from async_endpoint.emulator.server.ministack import metrics


@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        ((3.0, None, None, None), [(1, 3, 3, 3)]),
        ((None, [2.0, 5.0], [1.0, 3.0], None), [(1, 2, 2, 2), (3, 15, 5, 5)]),
        ((None, [2.0], None, None), [(1, 2, 2, 2)]),
        ((None, None, None, {"SampleCount": 4, "Sum": 8, "Minimum": 1, "Maximum": 3}), [(4, 8, 1, 3)]),
    ],
    ids=["one value", "values with counts", "values", "a statistic set"],
)
def test_data_of_every_form_become_statistic_sets(datum: tuple[Any, ...], expected: list[tuple[float, ...]]) -> None:
    sets = metrics._statistic_sets(*datum)
    assert [(s["SampleCount"], s["Sum"], s["Minimum"], s["Maximum"]) for s in sets] == expected


def test_a_metric_holds_the_data_of_its_last_days_and_no_request_looks_for_older_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloudwatch = importlib.import_module("ministack.services.cloudwatch")
    for name in ("_metric_bucket", "_evict_old_metrics"):
        monkeypatch.setattr(cloudwatch, name, getattr(cloudwatch, name))  # put back afterwards
    metrics.limit_metric_retention(100)
    name = f"metric-{uuid.uuid4().hex}"
    for moment in (50.0, 0.0, 120.0, 150.0, 151.0):
        cloudwatch._store_datum("Tests", name, {}, moment, "None", 1.0, None, None, None)
    cloudwatch._evict_old_metrics()  # which would drop everything of 1970
    points = cloudwatch._metric_bucket(("Tests", name, ""))
    assert [point["Timestamp"] for point in points] == [120.0, 150.0, 151.0]
