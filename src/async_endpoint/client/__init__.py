"""The client: submit documents to an asynchronous endpoint and collect their answers.

```python
endpoint = AsyncEndpoint("receipts", input_location="s3://my-inputs/by-hand/")
job = endpoint.submit(Path("receipt.png"))
print(job.result(timeout=600).json())

jobs = endpoint.submit_many(Path("receipts").glob("*.png"))
for job in endpoint.as_completed(jobs):
    print(job.document, job.error or job.answer.json())

records = JobsTableReader.of_session("my-jobs-table")
print(records.get("s3://my-inputs/inbox/receipt.png").state)
```
"""

from async_endpoint.client.aws import AwsTransport
from async_endpoint.client.result_poller import PollInterval
from async_endpoint.client.endpoint import AsyncEndpoint
from async_endpoint.client.errors import (
    AsyncEndpointError,
    EndpointNotFound,
    InvalidDocument,
    InvalidRequest,
    JobExpired,
    JobFailed,
    JobNotFound,
    RecordsError,
    ResultTimeout,
    StorageError,
    SubmitError,
    Throttled,
)
from async_endpoint.client.jobs_table import JobsTableReader
from async_endpoint.client.jobs import Answer, Job, JobState
from async_endpoint.client.memory import InMemoryTransport, ModelError
from async_endpoint.client.transport import Acceptance, ListingPage, Payload, StoredObject, Transport

__all__ = [
    "Acceptance",
    "Answer",
    "AsyncEndpoint",
    "AsyncEndpointError",
    "AwsTransport",
    "EndpointNotFound",
    "InMemoryTransport",
    "InvalidDocument",
    "InvalidRequest",
    "Job",
    "JobExpired",
    "JobFailed",
    "JobNotFound",
    "JobState",
    "JobsTableReader",
    "ListingPage",
    "ModelError",
    "Payload",
    "PollInterval",
    "RecordsError",
    "ResultTimeout",
    "StorageError",
    "StoredObject",
    "SubmitError",
    "Throttled",
    "Transport",
]
