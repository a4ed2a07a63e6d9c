"""The errors between a document and its result.

AsyncEndpointError
├── SubmitError            SageMaker did not accept the document, or named no output location
│   ├── InvalidDocument    the document cannot be read, or cannot be sent
│   ├── InvalidRequest     the request breaks a rule of InvokeEndpointAsync
│   ├── EndpointNotFound   no endpoint of this name in this account and region
│   ├── Throttled          too many calls, or S3 is busy, and still so after the retries
│   ├── UnknownSubmission  the call broke off, and SageMaker may have taken the request
│   └── AwsUnavailable     also a StorageError: AWS rejects the caller or cannot be reached, for any document
│       └── ConnectionLost also an UnknownSubmission: the connection broke during a submission
├── StorageError           S3 could not list or return a result; the job itself continues
├── OutputError            a run's file of results cannot be written
│   └── OutputInUse        another run writes it
├── TicketError            a run's ticket cannot be read or written, or another process uses it
│   └── TicketInUse        another process uses it
├── RecordsError           the jobs table could not be read
├── JobNotFound            the jobs table has no such job
├── JobFailed              the job failed; `.reason` has the reason
├── JobExpired             the job's deadline passed without a result
├── JobCancelled           the caller cancelled the job
└── ResultTimeout          the caller's own timeout passed; the job is not lost

Every message is one or two sentences for people; no message needs its traceback.
"""


class AsyncEndpointError(Exception):
    """The base of all errors that the client raises on purpose."""


class SubmitError(AsyncEndpointError):
    """SageMaker did not accept the document, or named no output location."""


class InvalidDocument(SubmitError):
    """The document cannot be read or cannot be sent."""


class InvalidRequest(SubmitError):
    """The request breaks a rule of InvokeEndpointAsync."""


class EndpointNotFound(SubmitError):
    """There is no endpoint of this name in this account and region."""


class Throttled(SubmitError):
    """AWS asked for fewer calls, or S3 was busy, and still so after the retries: a later try may be taken."""


class StorageError(AsyncEndpointError):
    """S3 could not list or return results. The jobs continue; collect them again once the cause is fixed."""


class AwsUnavailable(SubmitError, StorageError):
    """AWS rejects the caller, such as for expired credentials, or cannot be reached: the same for every document."""


class UnknownSubmission(SubmitError):
    """The call broke off: nobody knows whether SageMaker took the request."""


class ConnectionLost(AwsUnavailable, UnknownSubmission):
    """AWS cannot be reached, and it may have taken the request before."""


class OutputError(AsyncEndpointError):
    """A run's file of results cannot be written."""


class OutputInUse(OutputError):
    """Another run writes the same file of results."""


class TicketError(AsyncEndpointError):
    """A run's ticket cannot be read or written, or another process uses it."""


class TicketInUse(TicketError):
    """Another process uses the ticket."""


class RecordsError(AsyncEndpointError):
    """The jobs table could not be read."""


class JobNotFound(AsyncEndpointError, LookupError):
    """The jobs table has no such job: it never existed, or its record has expired."""


class JobFailed(AsyncEndpointError):
    """The job failed.

    Attributes:
        reason: SageMaker's text, from the job's failure object.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class JobExpired(AsyncEndpointError):
    """There was no result and no failure by the job's deadline."""


class JobCancelled(AsyncEndpointError):
    """The caller cancelled the job. SageMaker does not know: the request may still run."""


class ResultTimeout(AsyncEndpointError, TimeoutError):
    """The caller's timeout passed. The job is not lost: wait for its result again."""
