"""What can go wrong between a document and its answer.

AsyncEndpointError
├── SubmitError            SageMaker did not take the document, or named no place for its answer
│   ├── InvalidDocument    the document cannot be read, or cannot be sent
│   ├── InvalidRequest     SageMaker, or its rules known here, refuse the request
│   ├── EndpointNotFound   no endpoint of this name in this account and region
│   └── Throttled          too many calls, and still so after the retries
├── StorageError           S3 refused to list or to hand over a result; the job itself goes on
├── RecordsError           the jobs table could not be read
├── JobNotFound            the jobs table has no such job
├── JobFailed              the job ended without an answer; `.reason` says why
├── JobExpired             the job's deadline passed without an answer
└── ResultTimeout          the caller's own timeout passed; the job is not lost

Every message is one sentence or two for a person; none needs its traceback.
"""

# The names say what happened, as in the standard library's `KeyboardInterrupt`.


class AsyncEndpointError(Exception):
    """Whatever the client raises on purpose."""


class SubmitError(AsyncEndpointError):
    """SageMaker did not take the document, or named no place where its answer will lie."""


class InvalidDocument(SubmitError):
    """The document cannot be read or cannot be sent."""


class InvalidRequest(SubmitError):
    """The request breaks a rule of InvokeEndpointAsync."""


class EndpointNotFound(SubmitError):
    """There is no endpoint of this name in this account and region."""


class Throttled(SubmitError):
    """AWS asked for fewer calls, and still did so after the retries."""


class StorageError(AsyncEndpointError):
    """S3 refused to list or to hand over results. The jobs go on; collect them again once the cause is gone."""


class RecordsError(AsyncEndpointError):
    """The jobs table could not be read."""


class JobNotFound(AsyncEndpointError, LookupError):
    """The jobs table has no such job: it was never seen, or was forgotten when its time had passed."""


class JobFailed(AsyncEndpointError):
    """The job ended without an answer.

    Attributes:
        reason: SageMaker's text, from the job's failure object.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class JobExpired(AsyncEndpointError):
    """No answer and no failure came by the job's deadline."""


class ResultTimeout(AsyncEndpointError, TimeoutError):
    """The caller's timeout passed. The job is not lost: ask again for its result."""
