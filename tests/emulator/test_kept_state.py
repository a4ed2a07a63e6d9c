"""What a local AWS keeps when it is stopped: its port and its resources."""

import socket
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import ANY_PORT, LocalAws, LocalAwsError, _free_port
from tests.emulator.conftest import Start
from tests.emulator.fakes import eventually
from tests.emulator.functions import create_function


def client(local: LocalAws, service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
        service,
        endpoint_url=local.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - no credential is checked
        config=Config(proxies={}),
    )


def test_it_continues_on_the_port_that_it_had(start: Start, tmp_path: Path) -> None:
    port = _free_port(ANY_PORT)
    start(tmp_path, port=port).stop()
    again = start(tmp_path)
    assert (again.port, again.former_port) == (port, None)


def test_on_another_port_queues_and_what_reads_them_follow(start: Start, tmp_path: Path) -> None:
    local = start(tmp_path, port=_free_port(ANY_PORT))
    sqs, functions = client(local, "sqs"), client(local, "lambda")
    old = sqs.create_queue(QueueName="kept")["QueueUrl"]
    source, other = "def handler(event, context):\n    pass\n", f"http://localhost:{local.port}/here"
    create_function(functions, "reader", source, QUEUE_URL=old, OTHER=other)
    functions.create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:kept", FunctionName="reader"
    )
    local.stop()

    with socket.create_server(("127.0.0.1", local.port)):
        moved = start(tmp_path)
        assert moved.port != local.port
        assert moved.former_port == local.port
        sqs, functions = client(moved, "sqs"), client(moved, "lambda")
        url = sqs.get_queue_url(QueueName="kept")["QueueUrl"]
        assert url == old.replace(str(local.port), str(moved.port))
        variables = functions.get_function_configuration(FunctionName="reader")["Environment"]["Variables"]
        assert variables == {"QUEUE_URL": url, "OTHER": other}
        assert f"Queue URLs have port {moved.port} now, not {local.port}." in moved.log.read_text(encoding="utf-8")
        sqs.send_message(QueueUrl=url, MessageBody="a message")
        (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]

        def processed() -> bool:
            found: str = functions.get_event_source_mapping(UUID=mapping["UUID"])["LastProcessingResult"]
            return found.startswith("OK")

        eventually(processed, "the message is processed")
        moved.stop()
    assert start(tmp_path).port == moved.port


def test_its_state_is_restored_after_a_stop_and_deleted_by_fresh(start: Start, tmp_path: Path) -> None:
    def clients(local: LocalAws) -> tuple[Any, ...]:
        return tuple(client(local, name) for name in ("s3", "sqs", "sns", "dynamodb", "sagemaker", "cloudwatch"))

    local = start(tmp_path)
    s3, sqs, sns, dynamodb, sagemaker, cloudwatch = clients(local)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a/b", Body=b"an object", ContentType="image/png")
    queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="a message")
    topic = sns.create_topic(Name="kept")["TopicArn"]
    dynamodb.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="kept", Item={"id": {"S": "an item"}})
    definition = {"Image": "image", "ModelDataUrl": "s3://kept/model.tar.gz"}
    role = "arn:aws:iam::000000000000:role/execution-role"
    sagemaker.create_model(ModelName="kept", ExecutionRoleArn=role, PrimaryContainer=definition)
    cloudwatch.put_metric_alarm(
        AlarmName="kept",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    local.stop()

    local = start(tmp_path, port=local.port)
    s3, sqs, sns, dynamodb, sagemaker, cloudwatch = clients(local)
    found = s3.get_object(Bucket="kept", Key="a/b")
    assert (found["Body"].read(), found["ContentType"]) == (b"an object", "image/png")
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=queue)["Messages"]] == ["a message"]
    assert [listed["TopicArn"] for listed in sns.list_topics()["Topics"]] == [topic]
    assert dynamodb.scan(TableName="kept")["Items"] == [{"id": {"S": "an item"}}]
    assert sagemaker.describe_model(ModelName="kept")["PrimaryContainer"] == definition
    assert [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]] == ["kept"]
    local.stop()

    local = LocalAws.start(ServingEnvironments(tmp_path / "none"), state_dir=tmp_path, fresh=True, tied=True)
    try:
        assert clients(local)[0].list_buckets()["Buckets"] == []
        assert clients(local)[4].list_models()["Models"] == []
    finally:
        local.stop()


def test_a_damaged_state_is_an_error_before_anything_starts(start: Start, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "sagemaker.json").write_text("{", encoding="utf-8")
    with pytest.raises(LocalAwsError, match=r"is damaged .*: start with --fresh to delete it"):
        start(tmp_path)
