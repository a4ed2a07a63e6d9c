"""From the event of a new object to one request of the endpoint, or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import (
    InvocationError,
    InvocationRequest,
    JobRecord,
    JobState,
    Upload,
    received,
    rejected,
    submitted,
)
from submit.events import ObjectCreated
from submit.media_types import content_type_of
from submit.ports import AnswerUnknown, MessageKept, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from submit.ports import Documents, Endpoint, Head, Jobs
    from submit.settings import Settings

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Arrival:
    """A document that came into the inbox.

    Attributes:
        upload: Which version of which object.
        size: In bytes.
        head: What lies under the key, if that was asked already.
    """

    upload: Upload
    size: int
    head: Head | None = None


class Submitter:
    """Submits documents, each once, however often its event comes.

    Args:
        jobs: Where every job is claimed before its request and recorded after it.
        documents: The inbox.
        endpoint: Where requests go.
        settings: The function's.
        clock: Epoch seconds.
    """

    def __init__(
        self, *, jobs: Jobs, documents: Documents, endpoint: Endpoint, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._jobs = jobs
        self._documents = documents
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock

    def identify(self, message: str) -> Arrival:
        """Which document a message is about. HeadObject tells the version where the event does not.

        Raises:
            NotAnUpload: The message is something else.
        """
        event = ObjectCreated.parse(message)
        head = None if event.version_id else self._documents.head(event.bucket, event.key)
        version_id, etag = (head.version_id, head.etag) if head else (event.version_id, event.etag)
        upload = Upload(
            bucket=event.bucket,
            key=event.key,
            version=Upload.version_of(version_id, etag),
            region=event.region,
            received_at=event.at,
        )
        return Arrival(upload, event.size, head)

    def submit(self, arrival: Arrival) -> str:
        """Submit a document unless that was done before; answers what was done, in a sentence.

        The claim comes before anything else is found out: a document that is gone because its job ended must not be
        recorded as deleted too early.

        Raises:
            MessageKept: The job is another's just now, or the endpoint does not take requests.
        """
        upload, now = arrival.upload, self._clock()
        claim = received(
            upload, claimed_until=int(now) + self._settings.claim_seconds, expires_at=self._forgotten_at(now)
        )
        if standing := self._jobs.claim(claim, now=now):
            return _already(standing)
        try:
            record = self._record_of_call(arrival)
        except Rejected as error:
            self._jobs.merge(rejected(upload, str(error), at=self._moment(), expires_at=self._forgotten_at(now)))
            return f"{error} The job is recorded as FAILED."
        except AnswerUnknown:
            raise  # under the claim, so that an outcome can come before another request is made
        except Exception:
            self._jobs.release(claim)
            raise
        self._jobs.merge(record)
        return f"{upload.input_location} is submitted; its answer will be {record.output_location}."

    def _record_of_call(self, arrival: Arrival) -> JobRecord:
        request = self._request(arrival)
        acceptance = self._endpoint.invoke(request)
        return submitted(
            arrival.upload,
            at=self._moment(),
            content_type=request.content_type,
            output_location=acceptance.output_location,
            failure_location=acceptance.failure_location,
            expires_at=self._forgotten_at(self._clock()),
        )

    def _request(self, arrival: Arrival) -> InvocationRequest:
        upload = arrival.upload
        place = f"The object s3://{upload.bucket}/{upload.key}"
        if arrival.size == 0:
            what = "a folder marker, not a document" if upload.key.endswith("/") else "empty (0 bytes)"
            raise Rejected(f"{place} is {what}.")
        head = arrival.head or self._documents.head(upload.bucket, upload.key)
        if head is None:
            raise Rejected(f"{place} was deleted before it was read.")
        version = Upload.version_of(head.version_id, head.etag)
        if version != upload.version:
            # InputLocation cannot name a version: SageMaker would read the new one under the old one's id.
            raise Rejected(f"{place} was overwritten before it was read, by {version}, which is a job of its own.")
        try:
            return InvocationRequest(
                endpoint_name=self._settings.endpoint_name,
                input_location=upload.input_location,
                content_type=content_type_of(upload.key, head.content_type),
                inference_id=upload.job_id,
                request_ttl_seconds=self._settings.request_ttl_seconds,
                invocation_timeout_seconds=self._settings.invocation_timeout_seconds,
            )
        except InvocationError as error:
            raise Rejected(f"{place} cannot be submitted: {error}.") from error

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _forgotten_at(self, now: float) -> int:
        return int(now) + self._settings.job_retention_days * _SECONDS_A_DAY


def _already(standing: JobRecord) -> str:
    """What to say of a job that cannot be claimed."""
    if standing.state is JobState.RECEIVED:
        raise MessageKept(
            f"The job {standing.job_id} is being submitted until {standing.claimed_until} (epoch seconds) at the "
            "latest; the message is kept."
        )
    return f"Nothing to do: the job is {standing.state} already."
