"""The bill: instance hours and usage at the table's prices, by hand."""

from array import array
from dataclasses import replace
from typing import Any

import pytest

from async_endpoint.planner import Outcome, Stage, bundled_prices, make_bill
from tests.planner.stages import documented, endpoint, function, stage

DAY = 86_400.0
OUTCOME = Outcome(
    seconds=10 * DAY,
    requests=1_000,
    waits=array("d", [0.0] * 900),
    services=array("d", [1.0] * 900),
    expired=100,
    unfinished=0,
    instance_seconds=100 * 3_600.0,
    asleep_seconds=0.0,
    wakes=0,
    longest_wake=0.0,
    cut_off=0,
    changes=(),
)


def lines(of: Stage, **given: Any) -> dict[str, Any]:
    made = make_bill(of, OUTCOME, bundled_prices(), **({"region": "us-east-1"} | given))
    return {line.name: (line.quantity, line.usd) for line in made.lines}


def test_ten_days_are_brought_to_thirty() -> None:
    assert lines(stage(endpoint())) == {
        "instances": (300, pytest.approx(300 * 0.7364)),
        "s3-put": (6_000, pytest.approx(0.03)),
        "s3-get": (6_000, pytest.approx(0.0024)),
    }


def test_the_workflow_uses_queues_functions_and_the_table() -> None:
    functions = function(JOBS_TABLE="jobs")
    functions["Function"]["Properties"]["MemorySize"] = 256
    rule = {"ScheduleExpression": "rate(5 minutes)", "Targets": [{"Arn": "a"}]}
    found = lines(stage(endpoint(), functions, {"Rule": {"Type": "AWS::Events::Rule", "Properties": rule}}))
    assert found["sqs-request"] == (pytest.approx(7_200), pytest.approx(0.00288))
    # 3,000 requests in batches of ten through three functions, and a function every five minutes.
    assert found["lambda-request"][0] == pytest.approx(900 + 8_640)
    assert found["lambda-gb-second"][0] == pytest.approx((900 + 8_640) * 0.64 / 4)
    assert found["dynamodb-write"][0] == pytest.approx(18_000)


def test_notifications_are_those_of_processed_requests() -> None:
    resources = endpoint()
    output = resources["Config"]["Properties"]["AsyncInferenceConfig"]["OutputConfig"]
    output["NotificationConfig"] = {"SuccessTopic": "a"}
    assert lines(stage(resources))["sns-publish"] == (pytest.approx(2_700), pytest.approx(0.00135))


def test_an_alarm_costs_by_its_metrics() -> None:
    def metric(namespace: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": namespace, "MetricName": "M"}, "Stat": "Sum", "Period": 60}
        return {"Id": "a", "MetricStat": stat}

    own = {"Metrics": [{"Id": "e", "Expression": "a + b"}, metric("AWS/SageMaker"), metric("Mine"), metric("Mine")]}
    math = {"Math": {"Type": "AWS::CloudWatch::Alarm", "Properties": own}}
    found = lines(stage(documented(), math))
    # The wake alarm, two of target tracking, three of the expression.
    assert found["alarm-metric"] == (6, pytest.approx(0.6))
    assert found["custom-metric"] == (1, pytest.approx(0.3))


def test_a_price_that_is_missing_is_named_and_not_guessed() -> None:
    made = make_bill(stage(endpoint()), OUTCOME, bundled_prices(), region="ap-northeast-1")
    assert (made.instances, made.is_complete) == (None, False)
    assert made.total == pytest.approx(0.0324)
    assert made.not_priced[0] == (
        "instances: the table has no price of ml.g4dn.xlarge in ap-northeast-1; it has those of us-east-1"
    )
    assert any("us-east-1" in note for note in made.notes)
    nowhere = make_bill(stage(endpoint()), OUTCOME, bundled_prices(), region=None)
    assert "in an unknown region" in nowhere.not_priced[0]


def test_a_given_price_is_used() -> None:
    made = make_bill(stage(endpoint()), OUTCOME, bundled_prices(), region="ap-northeast-1", instance_price=1.0)
    assert (made.instances, made.is_complete) == (300, True)


def test_a_weak_source_is_noted() -> None:
    weak = replace(stage(endpoint()), instance_type="ml.c5.xlarge")
    made = make_bill(weak, OUTCOME, bundled_prices(), region="us-east-1")
    assert made.notes == ("The price of ml.c5.xlarge has a weak source.",)


def test_what_is_not_counted_is_named() -> None:
    key = {"Key": {"Type": "AWS::KMS::Key", "Properties": {}}}
    made = make_bill(stage(endpoint(), key), OUTCOME, bundled_prices(), region="us-east-1")
    assert made.not_priced == (
        "AWS::KMS::Key (KMS keys and their requests)",
        "AWS::SageMaker::Endpoint (volumes of the instances, and the data that they process)",
    )
