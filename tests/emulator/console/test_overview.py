"""A region's snapshot: every number in it is that of the objects it was taken of."""

import json
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.cloudwatch.alarms import MetricAlarm
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.console.overview import (
    WAITING_SHOWN,
    empty_overview,
    overview,
    regions_with_endpoints,
    short_alarm_name,
)
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import ACCOUNT, REGION, START, FakeClock, FakeInstance, FakeRegion, eventually, fake_region
from tests.emulator.hosting.test_history import ended

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}

COMPARED = {"EvaluationPeriods": 2, "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}


def request(number: int, **members: Any) -> InvocationRequest:
    named = {
        "endpoint_name": "receipts",
        "input_location": f"s3://inputs/{number}.jpg",
        "inference_id": f"id-{number}",
    }
    return InvocationRequest(**(named | members))


def asleep(region: FakeRegion, name: str = "receipts") -> None:
    """An endpoint at zero instances."""
    region.create(name).set_capacity(0)
    assert region.endpoint(name).wait(20)


def of(region: FakeRegion, name: str = "receipts") -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {endpoint["name"]: endpoint for endpoint in overview(region)["endpoints"]}
    return found[name]


def alarm(name: str, **members: Any) -> MetricAlarm:
    return alarm_from_settings(
        {
            "AlarmName": name,
            "Namespace": "AWS/SageMaker",
            "MetricName": "HasBacklogWithoutCapacity",
            "Statistic": "Average",
            "Period": 60,
            **COMPARED,
            **members,
        }
    )


def dimension(endpoint: str) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": endpoint}]


def test_a_queue_shows_how_many_wait_how_long_and_the_first_of_them(tmp_path: Path) -> None:
    with fake_region(tmp_path) as region:
        asleep(region)
        for number in range(WAITING_SHOWN + 5):
            region.endpoint("receipts").accept(request(number, request_ttl_seconds=600))
            region.clock.advance(2)
        backlog = of(region)["backlog"]
        assert (backlog["waiting"], backlog["in_flight"], backlog["oldest_seconds"]) == (25, 0, 50)
        assert [item["inference_id"] for item in backlog["first"]] == [f"id-{n}" for n in range(WAITING_SHOWN)]
        assert backlog["first"][1] == {
            "inference_id": "id-1",
            "input_location": "s3://inputs/1.jpg",
            "received_at": START + 2,
            "expires_at": START + 602,
            "losses": 0,
        }


def test_instances_are_shown_with_what_they_do_and_since_when(tmp_path: Path) -> None:
    coming = FakeInstance(ready=False)
    with fake_region(tmp_path, FakeInstance(), coming) as region:
        region.create("receipts")
        region.launches.made[0].invocations = 2
        region.endpoint("receipts").set_capacity(2)
        endpoint = of(region)
        assert (endpoint["status"], endpoint["running"], endpoint["desired"]) == ("Updating", 1, 2)
        assert [(item["state"], item["requests"]) for item in endpoint["instances"]] == [
            ("InService", 2),
            ("Starting", 0),
        ]
        assert START - 30 < endpoint["instances"][0]["since"] <= START
        assert {item["config"] for item in endpoint["instances"]} == {"receipts-config"}
        coming.ready.set()
        eventually(lambda: [item["state"] for item in of(region)["instances"]] == ["InService"] * 2, "two in service")


def test_during_an_update_the_instances_of_both_configs_are_shown(tmp_path: Path) -> None:
    with fake_region(tmp_path, FakeInstance(), FakeInstance(ready=False)) as region:
        region.create("receipts")
        region.create_config("next")
        region.sagemaker.call("UpdateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": "next"})

        def shown() -> list[tuple[str, str]]:
            return [(item["config"], item["state"]) for item in of(region)["instances"]]

        # The update starts its instances in a thread.
        eventually(lambda: len(shown()) > 1, "the instance of the new config")
        assert shown() == [("receipts-config", "InService"), ("next", "Starting")]


def test_an_alarm_is_its_endpoints_by_a_metric_or_by_one_in_metric_math_and_else_one_of_the_others(
    tmp_path: Path,
) -> None:
    math = [
        {"Id": "e", "Expression": "FILL(m, 0)", "ReturnData": True},
        {
            "Id": "m",
            "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "ApproximateBacklogSize",
                    "Dimensions": dimension("receipts"),
                },
                "Period": 60,
                "Stat": "Average",
            },
        },
    ]
    with fake_region(tmp_path) as region:
        asleep(region)
        asleep(region, "receipts-2")
        region.autoscaling.put_alarm(alarm("wake", Dimensions=dimension("receipts")))
        region.autoscaling.put_alarm(alarm_from_settings({"AlarmName": "math", "Metrics": math, **COMPARED}))
        region.autoscaling.put_alarm(alarm("no dimensions"))
        found = overview(region)
        assert {item["name"]: [a["name"] for a in item["alarms"]] for item in found["endpoints"]} == {
            "receipts": ["wake", "math"],
            "receipts-2": [],
        }
        assert [(item["name"], item["state"]) for item in found["other_alarms"]] == [
            ("no dimensions", "INSUFFICIENT_DATA")
        ]
        assert found["other_alarms"][0]["reason"]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("async-endpoint-dev-workflow-IntakeAlarmBFAD79F1-C8EB04715B422", "IntakeAlarm"),
        (
            "TargetTracking-endpoint/e-1/variant/AllTraffic-AlarmHigh-e267813d-73ef-4872-91e1-cd5d24052b8d",
            "TargetTracking AlarmHigh",
        ),
        ("of-my-own", "of-my-own"),
    ],
)
def test_a_made_name_has_a_short_form(name: str, short: str) -> None:
    assert short_alarm_name(name) == short


def test_an_alarm_that_scales_is_marked(tmp_path: Path) -> None:
    policy = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:id:resource/sagemaker/e:policyName/wake"
    with fake_region(tmp_path) as region:
        region.autoscaling.put_alarm(alarm("wake", AlarmActions=[policy]))
        region.autoscaling.put_alarm(alarm("page", AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"]))
        found = {each["name"]: each["scales"] for each in overview(region)["other_alarms"]}
    assert found == {"wake": True, "page": False}


def test_scaling_shows_its_bounds_and_its_last_activities_with_their_cause(tmp_path: Path) -> None:
    with fake_region(tmp_path) as region:
        asleep(region)
        assert of(region)["scaling"] is None
        region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 1, "MaxCapacity": 3})
        region.clock.advance(MINUTE)
        region.autoscaling.tick()
        assert region.endpoint("receipts").wait(20)
        endpoint = of(region)
        assert endpoint["scaling"] == {"min": 1, "max": 3}
        (activity,) = endpoint["activities"]
        assert activity["cause"] == "minimum capacity was set to 1"
        assert activity["description"] == "Setting desired instance count to 1."


def test_documents_are_those_of_the_endpoint_since_it_was_made(tmp_path: Path) -> None:
    with fake_region(tmp_path) as region:
        ended(region.history, "of one before", at=START - 1)
        asleep(region)
        ended(region.history, "binary", result=b"\xff\x00", status="Failed")
        (document,) = of(region)["documents"]
        assert (document["inference_id"], document["status"]) == ("binary", "Failed")
        assert (document["result"], document["result_bytes"]) == ("\ufffd\x00", 2)


def test_all_of_it_is_plain_json_whatever_state_it_is_in(tmp_path: Path) -> None:
    with fake_region(tmp_path, FakeInstance(failure="no memory")) as region:
        region.create("failing")
        asleep(region)
        ended(region.history, "\ud800", result=b"{}")
        text = json.dumps(overview(region), allow_nan=False)
        (failing,) = (item for item in json.loads(text)["endpoints"] if item["name"] == "failing")
        assert failing["status"] == "Failed"
        assert "no memory" in failing["failure_reason"]
        assert (json.loads(text)["region"], json.loads(text)["account"]) == (REGION, ACCOUNT)
        assert regions_with_endpoints([region]) == [REGION]


def test_a_region_in_which_nothing_was_called_is_empty() -> None:
    found = empty_overview("eu-west-1", FakeClock(START))
    assert (found["region"], found["endpoints"], found["other_alarms"]) == ("eu-west-1", [], [])
    assert found["clock"] == {"now": START, "speed": 1.0}
