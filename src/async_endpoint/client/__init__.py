"""The client: submits documents to an asynchronous endpoint and collects their results.

```python
endpoint = AsyncEndpoint("receipts", input_location="s3://my-inputs/by-hand/")
job = endpoint.submit(Path("receipt.png"))
print(job.result(timeout=600).json())

jobs = endpoint.submit_many(Path("receipts").glob("*.png"))
for job in endpoint.as_completed(jobs):
    print(job.document, job.error or job.output.json())

records = JobsTableReader.from_session("my-jobs-table")
print(records.get("s3://my-inputs/inbox/receipt.png").state)
```
"""

from async_endpoint.client.aio import AioEndpoint
from async_endpoint.client.aio_jobs import AioJob
from async_endpoint.client.aws import AwsTransport
from async_endpoint.client.endpoint import AsyncEndpoint
from async_endpoint.client.errors import (
    AsyncEndpointError,
    AwsUnavailable,
    ConnectionLost,
    EndpointNotFound,
    InvalidDocument,
    InvalidRequest,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotFound,
    OutputError,
    OutputInUse,
    RecordsError,
    ResultTimeout,
    StorageError,
    SubmitError,
    Throttled,
    TicketError,
    TicketInUse,
    UnknownSubmission,
)
from async_endpoint.client.folder_documents import FolderDocuments, FolderError, find_documents
from async_endpoint.client.folder_run import (
    fetch_results,
    known_lines,
    new_run_id,
    new_ticket,
    resume_run,
    run_folder,
)
from async_endpoint.client.folder_watch import FolderWatch
from async_endpoint.client.jobs import Job, JobResult
from async_endpoint.client.jobs_table_reader import JobsTableReader
from async_endpoint.client.memory import InMemoryTransport, ModelError
from async_endpoint.client.result_poller import PollInterval
from async_endpoint.client.run_options import Progress, RunOptions
from async_endpoint.client.run_summary import RunInterrupted, RunSummary
from async_endpoint.client.sources import Sources, find_sources
from async_endpoint.client.submission import Submission, SubmissionSummary
from async_endpoint.client.submit_options import MapOptions, SubmitOptions
from async_endpoint.client.ticket import Ticket
from async_endpoint.client.ticket_schema import DocumentState, RunSettings
from async_endpoint.client.transport import Acceptance, ListingPage, Payload, StoredObject, Transport
from async_endpoint.client.wake import EndpointWaker
from async_endpoint.protocol import JobState

__all__ = [
    "Acceptance",
    "AioEndpoint",
    "AioJob",
    "AsyncEndpoint",
    "AsyncEndpointError",
    "AwsTransport",
    "AwsUnavailable",
    "ConnectionLost",
    "DocumentState",
    "EndpointNotFound",
    "EndpointWaker",
    "FolderDocuments",
    "FolderError",
    "FolderWatch",
    "InMemoryTransport",
    "InvalidDocument",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobNotFound",
    "JobResult",
    "JobState",
    "JobsTableReader",
    "ListingPage",
    "MapOptions",
    "ModelError",
    "OutputError",
    "OutputInUse",
    "Payload",
    "PollInterval",
    "Progress",
    "RecordsError",
    "ResultTimeout",
    "RunInterrupted",
    "RunOptions",
    "RunSettings",
    "RunSummary",
    "Sources",
    "StorageError",
    "StoredObject",
    "Submission",
    "SubmissionSummary",
    "SubmitError",
    "SubmitOptions",
    "Throttled",
    "Ticket",
    "TicketError",
    "TicketInUse",
    "Transport",
    "UnknownSubmission",
    "fetch_results",
    "find_documents",
    "find_sources",
    "known_lines",
    "new_run_id",
    "new_ticket",
    "resume_run",
    "run_folder",
]
