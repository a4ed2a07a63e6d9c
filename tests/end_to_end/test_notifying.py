"""A document that has an outcome leads to one event, a signed POST and a tag; no model is needed for that.

The stage has no endpoint: an empty document fails before it is submitted.
"""

import base64
import json
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from async_endpoint.cli import main
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import S3Location
from demo.deployment import ROOT, Cdk, synthesised_region
from stacks.settings.stage import StageSettings
from tests.end_to_end.conftest import SPEED, wait_for
from tests.stacks.templates import write_artifacts
from tests.support.webhook import Webhook, listening, shown_verification

pytestmark = pytest.mark.end_to_end

NAME = "receipts/webhook"
KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
RETRIES = 3


@dataclass
class NotifyingStage:
    """A deployed stage that notifies others."""

    outputs: dict[str, str]
    webhook: Webhook
    heard: str  # URL of the queue of a subscriber
    events: list[dict[str, Any]] = field(default_factory=list)

    def put(self, key: str) -> dict[str, Any]:
        """Puts an empty document into the inbox; returns its place."""
        bucket = S3Location.from_uri(self.outputs["InboxLocation"]).bucket
        version = boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")["VersionId"]
        return {"Bucket": bucket, "Key": key, "VersionId": version}

    def events_of(self, key: str) -> list[dict[str, Any]]:
        """The events of a document so far."""
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.heard, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=self.heard, ReceiptHandle=message["ReceiptHandle"])
                self.events.append(json.loads(message["Body"]))
        return [each for each in self.events if each["detail"]["key"] == key]

    def posts_of(self, key: str) -> list[bytes]:
        """The requests about a document so far."""
        return [body for _, body in self.webhook.requests if json.loads(json.loads(body)["payload"])["key"] == key]


@pytest.fixture(scope="module")
def notifying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotifyingStage]:
    folder = tmp_path_factory.mktemp("notifying")
    with listening() as webhook:
        assembly = folder / "cdk.out"
        build_app(settings_of(webhook), artifacts=write_artifacts(folder / "artifacts"), outdir=assembly).synth()
        region = synthesised_region(assembly)
        serving = ServingEnvironments(folder / "no-environment")
        local = LocalAws.start(serving, state_dir=folder / "local-aws", speed=SPEED, tied=True)
        try:
            with pytest.MonkeyPatch.context() as environment:
                for name, value in local.environment(region).items():
                    environment.setenv(name, value)
                secrets: Any = boto3.client("secretsmanager")
                secrets.create_secret(Name=NAME, SecretString=KEY)
                outputs = deploy(Cdk(local, folder / "cdk.log", str(assembly)), region, folder / "outputs.json")
                yield NotifyingStage(outputs, webhook, subscribe())
        finally:
            local.stop()


def settings_of(webhook: Webhook) -> StageSettings:
    table = tomllib.loads((ROOT / "config" / "dev.toml").read_text(encoding="utf-8"))
    table["notifications"] |= {
        "webhook_url": webhook.url,
        "webhook_secret": NAME,
        "webhook_max_retries": RETRIES,
        "tag_documents": True,
    }
    return StageSettings.from_table({**table, "stage": "notifying"})


def deploy(cdk: Cdk, region: str, outputs: Path) -> dict[str, str]:
    """Deploys all but the endpoint; returns the outputs."""
    cdk.bootstrap(region)
    cdk.run(
        "deploy", "--app", cdk.app, "Foundation", "Workflow", "--require-approval", "never",
        "--outputs-file", str(outputs),
    )  # fmt: skip
    stacks = json.loads(outputs.read_text(encoding="utf-8"))
    return {name: value for stack in stacks.values() for name, value in stack.items()}


def subscribe() -> str:
    """Subscribes a queue as docs/events.md describes; returns its URL."""
    sqs = boto3.client("sqs")
    events: Any = boto3.client("events")  # it has no stubs
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["async-endpoint"], "detail": {"state": ["FAILED"]}}
    events.put_rule(Name="failures", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="failures", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def test_a_document_leads_to_one_event_a_signed_request_and_a_tag(notifying: NotifyingStage) -> None:
    place = notifying.put("inbox/レシート.png")
    (post, *_) = wait_for(lambda: notifying.posts_of(place["Key"]) or None, "the request")

    detail = shown_verification()(post, KEY)

    assert (detail["state"], detail["version"]) == ("FAILED", place["VersionId"])
    assert "empty" in detail["reason"]
    tags = boto3.client("s3").get_object_tagging(**place)["TagSet"]
    assert tags == [{"Key": "async-endpoint-state", "Value": "FAILED"}]
    time.sleep(3)  # for what should not come
    (event,) = notifying.events_of(place["Key"])
    assert {**detail, "webhook": json.loads(post)} == event["detail"]
    assert notifying.posts_of(place["Key"]) == [post]


def test_a_webhook_that_fails_at_first_gets_the_outcome_later(notifying: NotifyingStage) -> None:
    notifying.webhook.statuses = [500, 429]
    key = notifying.put("inbox/later.png")["Key"]
    wait_for(lambda: notifying.posts_of(key)[2:] or None, "the third request")
    assert len({*notifying.posts_of(key)}) == 1


def test_what_a_webhook_never_accepts_is_dead_lettered_and_announced_again_by_command(
    notifying: NotifyingStage,
) -> None:
    notifying.webhook.failing = 503
    key = notifying.put("inbox/never.png")["Key"]
    sqs = boto3.client("sqs")
    (url,) = (each for each in sqs.list_queues()["QueueUrls"] if "WebhookDeadLetters" in each)
    (letter,) = wait_for(
        lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages"), "the dead letter"
    )
    detail = json.loads(letter["Body"])["detail"]
    assert detail["key"] == key
    assert len(notifying.posts_of(key)) == 1 + RETRIES
    wait_for(lambda: alarm_state("NotifierWebhookAlarm") == "ALARM" or None, "the alarm")

    notifying.webhook.failing = None
    listed = command("dlq", "list", "--queue", "webhook")
    result = command("announce", "--since", "1h", "--state", "FAILED", "--yes")

    assert detail["job_id"] in listed
    assert result.splitlines()[-1].endswith("announced, 0 not.")
    posts = wait_for(lambda: notifying.posts_of(key)[1 + RETRIES :] or None, "the request")
    assert shown_verification()(posts[0], KEY)["deduplication_key"] == detail["deduplication_key"]
    command("dlq", "purge", "--queue", "webhook", "--yes")
    wait_for(lambda: alarm_state("NotifierWebhookAlarm") == "OK" or None, "the end of the alarm")


def command(*arguments: str) -> str:
    """Runs a command of ours on the stage; returns what it prints."""
    result = CliRunner().invoke(main, [*arguments, "--stage", "notifying"])
    assert result.exit_code == 0, result.output
    return result.stdout


def alarm_state(name: str) -> str:
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    (alarm,) = (each for each in alarms if name in each["AlarmName"])
    return alarm["StateValue"]
