"""The record function with a whole batch, against a DynamoDB over HTTP."""

import json
from collections.abc import Callable

from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import InvocationRequest, JobsTableWriter, JobState, test_notification
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox
from tests.support.notified import success

Load = Callable[[str], Function]


def test_outcomes_of_the_inbox_and_of_clients_are_recorded_and_bad_messages_hold_up_no_other(
    load: Load, inbox: VersionedInbox, server: EndpointServer, jobs_table: Table, jobs: RecordedJobs
) -> None:
    submit, record = load("submit"), load("record")
    submit.process(json.dumps(inbox.put("inbox/a.png")))
    (request,) = server.requests
    early = InvocationRequest(endpoint_name="receipts", input_location="s3://other/doc", inference_id="a-client-s-own")

    kept, lines = record.process(
        success(request, "s3://outputs/1.out"),
        "no JSON",
        json.dumps({"Type": "Notification", "Message": json.dumps(test_notification())}),
        success(early, "s3://outputs/2.out"),
        success(request, "s3://outputs/1.out"),
        json.dumps({"some": "thing"}),
    )

    assert kept == [1, 5]
    assert {key: (job.state, job.outcome_location) for key, job in jobs.by_key().items()} == {
        "inbox/a.png": (JobState.COMPLETED, "s3://outputs/1.out"),
        "doc": (JobState.COMPLETED, "s3://outputs/2.out"),
    }
    assert [line.get("job_id") for line in lines] == [
        request.inference_id,
        None,
        "a-client-s-own",
        request.inference_id,
        None,
    ]
    assert JobsTableWriter(jobs_table).get("a-client-s-own") == jobs.by_key()["doc"]
