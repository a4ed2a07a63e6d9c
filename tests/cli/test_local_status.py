"""What `local status` shows: documents first, alarms folded, and where the endpoints are."""

import io
from typing import Any

import pytest
from rich.console import Console

from async_endpoint.cli.local_status import shown


def alarm(name: str, state: str, *, scales: bool = False) -> dict[str, Any]:
    reason = "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated."
    return {"name": f"s-{name}", "short_name": name, "state": state, "scales": scales, "since": 0.0, "reason": reason}


def endpoint(**members: Any) -> dict[str, Any]:
    document = {
        "ended_at": 60.0,
        "status": "Failed",
        "result": "no\x1b image" * 20,
        "input_location": "s3://inputs/inbox/receipt.png",
        "inference_id": "1",
    }
    return {
        "name": "receipts",
        "status": "InService",
        "config": "config",
        "failure_reason": None,
        "running": 0,
        "desired": 0,
        "leaving": 0,
        "scaling": {"min": 0, "max": 2},
        "backlog": {"waiting": 3, "in_flight": 1, "oldest_seconds": 5.0},
        "instances": [],
        "activities": [],
        "alarms": [alarm(f"Quiet{number}", "OK") for number in range(20)],
        "documents": [document],
        **members,
    }


def lines(*endpoints: dict[str, Any], regions: tuple[str, ...] = ("here",), **members: Any) -> list[str]:
    overview = {
        "region": "here",
        "regions": list(regions),
        "clock": {"now": 100.0},
        "endpoints": list(endpoints),
        "other_alarms": [],
        **members,
    }
    written = io.StringIO()
    Console(width=80, file=written).print(shown(overview))
    return written.getvalue().splitlines()


def test_quiet_alarms_are_a_count_and_documents_come_first() -> None:
    found = lines(endpoint())

    assert len(found) < 24
    text = "\n".join(found)
    assert text.index("receipt.png") < text.index("no instance") < text.index("20 alarms: 20 OK")
    assert "Quiet1" not in text
    assert "\x1b" not in text


def test_an_alarm_is_one_line_with_its_short_name_and_trouble_comes_before_scaling() -> None:
    asleep = alarm("ScalingSleepAlarm", "ALARM", scales=True)
    found = lines(endpoint(alarms=[asleep, alarm("IntakeAlarm", "ALARM"), alarm("Quiet", "OK")]))

    count, trouble, scaling = found[-3:]
    assert count == "3 alarms: 2 ALARM, 1 OK"
    assert trouble.startswith("  IntakeAlarm since 00:00:00: Threshold Crossed")
    assert scaling.startswith("  ScalingSleepAlarm (scales) since")


@pytest.mark.parametrize(
    ("regions", "sentence"),
    [
        ((), "There is no endpoint in here. No other region has one."),
        (("there",), "There is no endpoint in here. there has: see --region."),
    ],
)
def test_without_an_endpoint_the_regions_that_have_some_are_named(regions: tuple[str, ...], sentence: str) -> None:
    assert lines(regions=regions)[0] == sentence


def test_further_regions_are_named() -> None:
    assert "More endpoints in there: see --region." in lines(endpoint(), regions=("here", "there"))
