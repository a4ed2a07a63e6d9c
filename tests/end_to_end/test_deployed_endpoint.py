"""What a user of the deployed endpoint sees, through plain boto3 and the real CDK CLI."""

import json
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from demo.deployment import ROOT, Cdk, DeploymentError
from tests.end_to_end.conftest import SPEED, Stage, deployed_between_scaling_actions, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

Receipts = list[tuple[bytes, dict[str, str]]]


def test_a_diff_right_after_a_deploy_is_empty(stage: Stage) -> None:
    assert "There were no differences" in stage.cdk.run("diff", "--all", "--fail")


def test_a_plain_boto3_call_gets_the_documented_answer(stage: Stage, receipts: Receipts) -> None:
    image, on_receipt = receipts[0]
    location = stage.put(image, "received/receipt.jpg")

    invoked = boto3.client("sagemaker-runtime", region_name="ap-northeast-1").invoke_endpoint_async(
        EndpointName="donut-async-dev", InputLocation=location, ContentType="application/x-image"
    )

    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    headers = invoked["ResponseMetadata"]["HTTPHeaders"]
    assert invoked["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert re.fullmatch(uuid, invoked["InferenceId"])
    assert re.fullmatch(rf"s3://{stage.deployment.outputs}/.+/{uuid}\.out", invoked["OutputLocation"])
    assert re.fullmatch(rf"s3://{stage.deployment.outputs}/.+/{uuid}-error\.out", invoked["FailureLocation"])
    assert headers["x-amzn-sagemaker-outputlocation"] == invoked["OutputLocation"]
    assert headers["content-type"] == "application/json"
    assert set(invoked) == {"InferenceId", "OutputLocation", "FailureLocation", "ResponseMetadata"}
    kind, body = stage.outcome(dict(invoked))
    assert kind == "output"
    assert json.loads(body)["predictions"] == [on_receipt]


def test_success_is_notified_with_the_callers_inference_id(stage: Stage, receipts: Receipts) -> None:
    location = stage.put(receipts[1][0], "receipt.png")

    invoked = stage.invoke(location, ContentType="image/png", InferenceId="my-own-id", CustomAttributes="trace=1")

    notification = stage.notification("my-own-id")
    assert (notification.kind, notification.output_location) == ("success", invoked["OutputLocation"])
    assert notification.raw["requestParameters"] == {
        "endpointName": stage.deployment.endpoint,
        "inputLocation": location,
        "contentType": "image/png",
        "customAttributes": "trace=1",
    }


@pytest.mark.parametrize(
    ("key", "body", "content_type", "status"),
    [
        ("not-an-image.png", b"this is text", "image/png", 400),
        ("empty.png", b"", "image/png", 400),
        ("table.csv", b"a,b\n1,2\n", "text/csv", 415),
    ],
)
def test_a_bad_document_fails_with_a_sentence_and_the_next_one_is_read(
    stage: Stage, receipts: Receipts, key: str, body: bytes, content_type: str, status: int
) -> None:
    invoked = stage.invoke(stage.put(body, key), ContentType=content_type)

    kind, said = stage.outcome(invoked)

    assert kind == "failure"
    sentence = said.decode("ascii").splitlines()[0]  # the toolkit adds its traceback below
    assert sentence.endswith((".", "!"))
    notification = stage.notification(invoked["InferenceId"])
    assert notification.kind == "failure"
    assert f"({status}) from model" in (notification.failure_reason or "")
    after = stage.invoke(stage.put(receipts[2][0], "after.png"), ContentType="image/png")
    assert stage.outcome(after)[0] == "output"


def test_a_missing_document_fails_and_is_notified(stage: Stage) -> None:
    invoked = stage.invoke(f"s3://{stage.deployment.inputs}/nobody-put-this.png", ContentType="image/png")

    assert stage.outcome(invoked)[0] == "failure"
    assert stage.notification(invoked["InferenceId"]).kind == "failure"


def test_an_unknown_endpoint_is_refused_as_aws_refuses_it(stage: Stage) -> None:
    del stage
    with pytest.raises(ClientError) as refused:
        boto3.client("sagemaker-runtime").invoke_endpoint_async(EndpointName="nobody", InputLocation="s3://bucket/key")

    assert refused.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nobody of account 000000000000 not found.",
    }


def test_nothing_is_listened_on_but_loopback(stage: Stage) -> None:
    processes = [psutil.Process(stage.local.pid), *psutil.Process(stage.local.pid).children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert len(processes) > 1  # an instance runs
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_it_wakes_from_zero_by_the_deployed_alarm_and_policy(stage: Stage, receipts: Receipts) -> None:
    stage.deployment.scale_to_zero(stage.local)

    invoked = stage.invoke(stage.put(receipts[3][0], "wake.png"), ContentType="image/png")

    assert stage.outcome(invoked)[0] == "output"
    activities = boto3.client("application-autoscaling").describe_scaling_activities(ServiceNamespace="sagemaker")
    woke = next(item for item in activities["ScalingActivities"] if item["Description"].endswith("count to 1."))
    assert "WakeAlarm" in woke["Cause"]
    assert "in state ALARM triggered policy" in woke["Cause"]


def test_without_the_alarm_it_stays_at_zero(stage: Stage, receipts: Receipts) -> None:
    cloudwatch = boto3.client("cloudwatch")
    alarm: Any = next(item for item in cloudwatch.describe_alarms()["MetricAlarms"] if "WakeAlarm" in item["AlarmName"])
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    # Afterwards: late metrics of an earlier request may just have woken it.
    stage.deployment.scale_to_zero(stage.local)
    minutes_before = _minutes_of_backlog(stage)
    try:
        invoked = stage.invoke(stage.put(receipts[4][0], "stays.png"), ContentType="image/png")
        wait_for(lambda: _minutes_of_backlog(stage) >= minutes_before + 10 or None, "ten minutes of metrics")
        assert stage.deployment.variant()["DesiredInstanceCount"] == 0
    finally:
        settings = ("AlarmName", "MetricName", "Namespace", "Statistic", "Period", "EvaluationPeriods",
                    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "AlarmActions",
                    "Dimensions", "Metrics")  # fmt: skip
        cloudwatch.put_metric_alarm(**{name: alarm[name] for name in settings if name in alarm})
    assert stage.outcome(invoked)[0] == "output"


def test_another_concurrency_is_another_config_under_the_same_endpoint(
    stage: Stage, receipts: Receipts, tmp_path: Path
) -> None:
    before = stage.deployment.describe()["EndpointConfigName"]
    app = _copy_of_the_app(tmp_path / "app")
    config = app.parent / "config" / "dev.toml"
    settings = config.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^batch_size = \d+$", "batch_size = 3", settings)
    assert changed != settings
    config.write_text(changed, encoding="utf-8")
    stage.deployment.scale_to_zero(stage.local)  # the update then replaces no instance

    cdk = Cdk(stage.local, tmp_path / "cdk.log", f"{sys.executable} {app}")
    deployed_between_scaling_actions(
        cdk, tmp_path / "outputs.json", lambda: stage.deployment.describe()["EndpointStatus"]
    )

    described = stage.deployment.describe()
    client = described["AsyncInferenceConfig"]["ClientConfig"]
    configs = boto3.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    assert client["MaxConcurrentInvocationsPerInstance"] == 6
    assert described["EndpointConfigName"] != before
    assert [item["EndpointConfigName"] for item in configs] == [described["EndpointConfigName"]]
    invoked = stage.invoke(stage.put(receipts[5][0], "updated.png"), ContentType="image/png")
    assert stage.outcome(invoked)[0] == "output"


def test_a_template_that_cannot_be_deployed_says_why(stage: Stage, tmp_path: Path) -> None:
    broken = Cdk(stage.local, tmp_path / "cdk.log", str(tmp_path / "no-such-app"))

    with pytest.raises(DeploymentError, match=r"cdk deploy failed \(.*cdk\.log has the whole output\)"):
        broken.deploy(tmp_path / "outputs.json")


def _copy_of_the_app(folder: Path) -> Path:
    """Copy what synth reads; returns the path of app.py."""
    folder.mkdir()
    for name in ("config", "stacks", "model_artifacts", "lambda", "src/async_endpoint/protocol"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "training"))
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    return folder / "app.py"


def _minutes_of_backlog(stage: Stage) -> int:
    """How many minutes of HasBacklogWithoutCapacity the emulated CloudWatch holds at 1."""
    began = datetime.fromtimestamp(stage.local.began, UTC)
    answer = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": stage.deployment.endpoint}],
        StartTime=began,
        EndTime=began + timedelta(hours=SPEED),  # AWS's clock runs ahead of the wall's: an hour of it each minute
        Period=60,
        Statistics=["Average"],
    )
    return sum(point["Average"] == 1 for point in answer["Datapoints"])
