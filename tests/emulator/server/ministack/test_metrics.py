"""Metric data in ministack's CloudWatch: as statistic sets, for a bounded time, and saved as one text."""

import copy
import importlib
import json
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


STATISTICS = {"SampleCount": 2.0, "Sum": 6.0, "Minimum": 1.0, "Maximum": 5.0}
DATA: list[tuple[Any, ...]] = [
    (3.0, None, None, None),
    (None, [2.0, 5.0], [1.0, 3.0], None),
    (None, None, None, STATISTICS),
    (None, None, None, dict(STATISTICS)),
    (None, None, None, {**STATISTICS, "Sum": 7.0}),
]


def saved(state: object) -> Any:
    return json.loads(json.dumps(copy.deepcopy(state)))


def test_metrics_are_saved_as_a_text_and_are_the_same_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
    monkeypatch.setattr(cloudwatch, "_metrics", cloudwatch._metrics)  # put back afterwards
    metrics.save_metrics_as_text()
    for moment, datum in enumerate(DATA):
        for dimensions in ({"Queue": "a", "Other": "b"}, {}):
            cloudwatch._store_datum("Tests", "Depth", dimensions, float(moment), "Count", *datum)
    before = cloudwatch._metrics
    text = saved(before)
    assert isinstance(text, str)
    metrics.save_metrics_as_text()
    cloudwatch._metrics.update(text)
    assert cloudwatch._metrics is not before
    assert dict(cloudwatch._metrics.items()) == dict(before.items())
    assert [len(points) for points in before.values()] == [6, 6]


def test_metrics_that_an_earlier_release_saved_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
    monkeypatch.setattr(cloudwatch, "_metrics", cloudwatch._metrics)
    cloudwatch._metrics = importlib.import_module("ministack.core.responses").AccountRegionScopedDict()
    cloudwatch._store_datum("Tests", "Depth", {}, 1.0, "Count", *DATA[2])
    before = copy.deepcopy(cloudwatch._metrics)
    metrics.save_metrics_as_text()
    cloudwatch._metrics.update(before)
    assert dict(cloudwatch._metrics.items()) == dict(before.items())


def test_equal_parts_of_neighbours_are_one_object() -> None:
    points: list[dict[str, Any]] = [{"Dimensions": {"Queue": "a"}, "_stat": dict(STATISTICS)} for _ in range(2)]
    metrics._share_equal_parts(points)
    assert points[0]["Dimensions"] is points[1]["Dimensions"]
    assert points[0]["_stat"] is points[1]["_stat"]
    points.append({"Dimensions": {"Queue": "a"}, "_stat": {**STATISTICS, "Sum": 0.0}})
    metrics._share_equal_parts(points)
    assert points[1]["_stat"] is not points[2]["_stat"]
    assert points[2]["_stat"]["Sum"] == 0.0
