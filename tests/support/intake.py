"""The intake in memory.

Not in tests/lambda/: `lambda` is a keyword, so nothing there can be imported by name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from async_endpoint.protocol import InvocationRequest, JobRecord, JobsTableWriter, Upload
from submit.logic import Submitter
from submit.ports import Acceptance, Head, Lane
from submit.settings import Settings
from tests.support.memory_table import MemoryTable

NOW = 1_800_000_000.0
SUBMIT_ENVIRONMENT = {
    "JOBS_TABLE": "jobs",
    "ENDPOINT_NAME": "receipts",
    "AWS_REGION": "eu-central-1",
    "REQUEST_TTL_SECONDS": "3600",
    "INVOCATION_TIMEOUT_SECONDS": "60",
    "JOB_RETENTION_DAYS": "30",
    "CLAIM_SECONDS": "120",
    "URGENT_PREFIX": "inbox-urgent/",
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "MAX_SUBMISSIONS": "3",
    "RETRY_DELAY_SECONDS": "30",
}
WATCHDOG_ENVIRONMENT = {
    "ENDPOINT_NAME": "receipts",
    "VARIANT_NAME": "AllTraffic",
    "JOBS_TABLE": "jobs",
    "MEMORY_KEY": "k" * 65,
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "URGENT_QUEUE_URL": "https://sqs/urgent",
    "RESULTS_QUEUE_URL": "https://sqs/results",
    "ALARM_TOPIC_ARN": "arn:aws:sns:eu-central-1:111122223333:alarms",
    "RUNBOOK": "https://example.com/operations.md#instances-run-without-work",
    "IDLE_MINUTES": "90",
    "REQUEST_TTL_SECONDS": "21600",
    "INVOCATION_TIMEOUT_SECONDS": "721",
    "TRANSITION_SECONDS": "4800",
    "HARD_STOP": "true",
    "UNSCALED_INSTANCES": "0",
}
RECONCILE_ENVIRONMENT = {
    "ENDPOINT_NAME": "receipts",
    "JOBS_TABLE": "jobs",
    "MEMORY_KEY": "r" * 65,
    "INBOX_BUCKET": "inputs",
    "INBOX_PREFIX": "inbox/",
    "URGENT_PREFIX": "inbox-urgent/",
    "AWS_REGION": "eu-central-1",
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "INTAKE_DEAD_LETTERS_URL": "https://sqs/intake-dead",
    "URGENT_QUEUE_URL": "https://sqs/urgent",
    "URGENT_DEAD_LETTERS_URL": "https://sqs/urgent-dead",
    "REQUEST_TTL_SECONDS": "3600",
    "INVOCATION_TIMEOUT_SECONDS": "60",
    "LOOK_AFTER_SECONDS": "900",
    "DELIVERY_SECONDS": "900",
    "JOB_RETENTION_DAYS": "30",
    "MAX_SUBMISSIONS": "3",
    "RETRY_DELAY_SECONDS": "30",
}


def object_created(key: str, *, bucket: str = "inputs", version_id: str | None = "v1", size: int = 9) -> dict[str, Any]:
    """Returns EventBridge's event of a new object."""
    created = {"key": key, "size": size, "etag": f"etag-of-{size}", "sequencer": "617f08299329d189"}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2027-01-15T08:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": created if version_id is None else {**created, "version-id": version_id},
            "reason": "PutObject",
        },
    }


@dataclass
class Inbox:
    """Documents in memory: the current ones, older versions by key and id, and copies with what each was made of.

    Attributes:
        heads: The number of calls of HeadObject.
        before_copy: Called before a copy is made.
    """

    objects: dict[str, Head] = field(default_factory=dict)
    older: dict[tuple[str, str], Head] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    heads: int = 0
    before_copy: Callable[[], None] = lambda: None

    def head(self, bucket: str, key: str, version_id: str | None = None) -> Head | None:
        assert bucket == "inputs"
        self.heads += 1
        return self._version(key, version_id) if version_id else self.objects.get(key)

    def copy(self, upload: Upload, key: str) -> bool:
        self.before_copy()
        head = self.objects.get(upload.key) if upload.etag else self._version(upload.key, upload.version)
        if head is None or (upload.etag and head.etag.strip('"') != upload.etag):
            return False
        self.copies[key] = upload.version
        return True

    def _version(self, key: str, version_id: str) -> Head | None:
        current = self.objects.get(key)
        return current if current and current.version_id == version_id else self.older.get((key, version_id))


@dataclass
class Endpoint:
    """An endpoint in memory: raises each error in `rejections`, then accepts everything."""

    requests: list[InvocationRequest] = field(default_factory=list)
    rejections: list[Exception] = field(default_factory=list)
    before_response: Callable[[], None] = lambda: None

    def invoke(self, request: InvocationRequest) -> Acceptance:
        if self.rejections:
            raise self.rejections.pop(0)
        self.requests.append(request)
        self.before_response()
        run = len(self.requests)
        return Acceptance(f"s3://outputs/results/{run}.out", f"s3://outputs/failures/{run}-error.out")


@dataclass
class Intake:
    """The submitter with its ports in memory."""

    table: MemoryTable = field(default_factory=MemoryTable)
    inbox: Inbox = field(default_factory=Inbox)
    endpoint: Endpoint = field(default_factory=Endpoint)
    now: float = NOW
    lane: Lane | None = None

    @property
    def jobs(self) -> JobsTableWriter:
        return JobsTableWriter(self.table)

    def put(self, key: str, *, version_id: str | None = "v1", content_type: str = "image/png") -> None:
        if (replaced := self.inbox.objects.get(key)) and replaced.version_id:
            self.inbox.older[key, replaced.version_id] = replaced
        self.inbox.objects[key] = Head(version_id, '"etag-of-9"', content_type)

    @property
    def submitter(self) -> Submitter:
        return Submitter(
            jobs=self.jobs,
            documents=self.inbox,
            endpoint=self.endpoint,
            settings=Settings.from_environment(SUBMIT_ENVIRONMENT),
            clock=lambda: self.now,
            lane=self.lane,
        )

    def deliver(self, message: dict[str, Any] | str) -> str:
        """Processes one message; returns the sentence for the log."""
        arrival = self.submitter.identify(message if isinstance(message, str) else json.dumps(message))
        return self.submitter.submit(arrival)

    @property
    def job(self) -> JobRecord:
        """The only job in the table, which may have names of attempts as well."""
        (item,) = (item for item in self.table.items.values() if "state" in item)
        return JobRecord.from_item(item)
