"""The main job where it is meant to run; what is learnt by it about AWS is printed at the end."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from async_endpoint.client import AsyncEndpoint, JobState
from tests.aws.conftest import ROOT, Account, Ledger

pytestmark = [pytest.mark.aws, pytest.mark.usefixtures("recorder")]

T = TypeVar("T")
RECEIPTS = ROOT / "samples" / "receipts"
WAKE_SECONDS = 1800.0
SLEEP_SECONDS = 3600.0


def await_until(find: Callable[[], T | None], seconds: float, what: str, every: float = 1.0) -> T:
    deadline = time.monotonic() + seconds
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(every)
    return found


def client_of(account: Account) -> AsyncEndpoint:
    return AsyncEndpoint(
        account.outputs["EndpointName"], input_location=f"s3://{account.outputs['InputBucketName']}/suite/"
    )


def instances(account: Account) -> tuple[str, int]:
    found = account.client("sagemaker").describe_endpoint(EndpointName=account.outputs["EndpointName"])
    return found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]


@pytest.fixture
def told(account: Account) -> Callable[[str], dict[str, Any]]:
    """Waits for the notification of an inference id, as SageMaker wrote it."""
    sqs, sns = account.client("sqs"), account.client("sns")
    url = sqs.create_queue(QueueName=f"suite-{time.time_ns()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = [account.outputs["SuccessTopicArn"], account.outputs["ErrorTopicArn"]]
    allow = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
    }  # fmt: skip
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})}
    )
    subscribed = [sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] for topic in topics]

    def wait(inference_id: str) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                body = json.loads(json.loads(message["Body"])["Message"])
                if body.get("inferenceId") == inference_id:
                    return dict(body)
            return None

        try:
            return await_until(find, 120, f"the notification of {inference_id}")
        finally:
            for subscription in subscribed:
                sns.unsubscribe(SubscriptionArn=subscription)
            sqs.delete_queue(QueueUrl=url)

    return wait


def test_it_reads_the_sample_receipts(account: Account) -> None:
    wanted = {
        row["file"]: row
        for row in map(json.loads, (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    }
    endpoint = client_of(account)
    jobs = endpoint.submit_many(sorted(RECEIPTS.glob("*.jpg"))[:20])
    done = list(endpoint.as_completed(jobs, timeout=WAKE_SECONDS))
    assert {job.state for job in done} == {JobState.COMPLETED}
    exact = 0
    for job in done:
        assert job.output is not None
        prediction = job.output.json()["predictions"][0]
        row = wanted[Path(job.document).name]
        exact += all(prediction.get(name) == row[name] for name in ("store", "date", "total"))
    assert exact >= 19


def test_where_a_failure_is_told(account: Account, ledger: Ledger, told: Callable[[str], dict[str, Any]]) -> None:
    job = client_of(account).submit(b"no image", content_type="image/png")
    body = told(job.inference_id)
    assert body["invocationStatus"] != "Completed"
    inside = body.get("responseParameters") or {}
    place = (
        "responseParameters" if "failureLocation" in inside else "the top level" if "failureLocation" in body else ""
    )
    ledger.note("failureLocation of an error notification", f"in {place}" if place else "nowhere")
    ledger.note("invocationStatus of a failure", str(body["invocationStatus"]))


def test_it_sleeps_by_itself_and_wakes_for_a_document(account: Account, ledger: Ledger) -> None:
    if not account.settings.scaling.enabled or account.settings.scaling.min_instances:
        pytest.skip("this stage does not sleep")
    await_until(lambda: instances(account) == ("InService", 0) or None, SLEEP_SECONDS, "sleep")
    began = time.monotonic()
    job = client_of(account).submit(RECEIPTS / "receipt-000.jpg")
    assert job.result(timeout=WAKE_SECONDS).json()["predictions"]
    ledger.note(
        "from a document at zero instances to its answer", f"{time.monotonic() - began:.0f} s of the wall's clock"
    )
