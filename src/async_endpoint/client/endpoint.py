"""The client of one asynchronous endpoint: submits documents and collects results."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import TYPE_CHECKING

from async_endpoint.client.aws import AwsTransport
from async_endpoint.client.bounded_map import bounded_map
from async_endpoint.client.documents import UNNAMED, Document
from async_endpoint.client.errors import (
    AwsUnavailable,
    EndpointNotFound,
    InvalidRequest,
    ResultTimeout,
    SubmitError,
)
from async_endpoint.client.job_stream import JobStream
from async_endpoint.client.jobs import Job
from async_endpoint.client.payloads import inline_body, place_in_s3
from async_endpoint.client.rejections import named_by_age, with_rejections
from async_endpoint.client.result_poller import PollInterval, ResultPoller
from async_endpoint.counted import counted
from async_endpoint.protocol import (
    DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TTL_SECONDS,
    InvocationError,
    InvocationRequest,
    JobState,
    S3Location,
    input_location,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path
    from typing import Unpack

    import boto3

    from async_endpoint.client.submit_options import MapOptions
    from async_endpoint.client.transport import Transport

DEFAULT_CONCURRENCY = 16
DEFAULT_GRACE_SECONDS = 60.0


class AsyncEndpoint:
    """One asynchronous endpoint and the prefix of its inputs.

    Args:
        endpoint_name: The endpoint's name.
        input_location: Prefix in S3 for uploads of local documents; objects in S3 need none.
        session: A boto3 session; boto3's defaults if absent.
        transport: Replaces boto3, with a transport of your own or `InMemoryTransport`.
        concurrency: How many uploads, submissions or downloads run at once, and the size of boto3's connection pool.
        max_attempts: Attempts for each call to AWS, in botocore's standard retry mode and nowhere else; 1 switches
            retries off. If the 202 of a submission is lost, the retry has the same inference id, and SageMaker, which
            does not deduplicate, runs both.
        grace_seconds: How long after its TTL and processing time the outcome of a job may appear.
        interval: How often to poll for results.
        clock: Seconds on a monotonic clock.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        endpoint_name: str,
        *,
        input_location: S3Location | str | None = None,
        session: boto3.Session | None = None,
        transport: Transport | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_attempts: int = 5,
        grace_seconds: float = DEFAULT_GRACE_SECONDS,
        interval: PollInterval | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.concurrency = concurrency
        self._inputs = S3Location.from_prefix_uri(input_location) if isinstance(input_location, str) else input_location
        self._transport = transport or AwsTransport.from_session(
            session, concurrency=concurrency, max_attempts=max_attempts
        )
        self.grace_seconds = grace_seconds
        self._clock = clock
        self.poller = ResultPoller(self._transport, clock, sleep, concurrency, interval or PollInterval())

    @property
    def region(self) -> str:
        """The endpoint's region."""
        return self._transport.region

    @property
    def input_location(self) -> S3Location | None:
        """The prefix for uploads."""
        return self._inputs

    def submit(
        self,
        document: Path | bytes | S3Location | str,
        *,
        content_type: str | None = None,
        accept: str | None = None,
        inference_id: str | None = None,
        ttl: int = DEFAULT_REQUEST_TTL_SECONDS,
        invocation_timeout: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS,
        custom_attributes: str | None = None,
        output_path_extension: str | None = None,
        filename: str | None = None,
        inline: bool = False,
        before_call: Callable[[S3Location], None] | None = None,
    ) -> Job:
        """Uploads a document, unless it is in S3 already, and submits it to the endpoint.

        Args:
            document: A file, its bytes, or its location in S3; a text is an `s3://…` location or else a path.
            content_type: Media type for the container; guessed from the content and the name if absent.
            accept: Requested media type of the result.
            inference_id: The job's id; a new one if absent. Pass an id of your own as idempotency key for consumers:
                SageMaker itself runs the same id twice.
            ttl: Seconds that the request may wait in the queue, 60-21600.
            invocation_timeout: Seconds that the model may take, 1-3600.
            custom_attributes: Up to 1024 visible ASCII characters for the container.
            output_path_extension: The folder below the endpoint's output path for the result.
            filename: The name of the result's object, up to 32 characters with at most one dot. Choose a new one for
                each job.
            inline: Send bytes or a file of up to 128,000 bytes in the request, without an upload. A larger or an empty
                one is uploaded.
            before_call: Called with the location of the document when it is uploaded, just before SageMaker is; not for
                one that is sent inline.

        Raises:
            InvalidDocument: The document cannot be read, or the client has no input location.
            InvalidRequest: The request breaks a rule of the API; nothing was uploaded.
            EndpointNotFound: There is no such endpoint.
            Throttled: Too many calls.
            SubmitError: AWS rejected the request for another reason.
        """
        loaded = Document.from_source(document)
        job_id = uuid.uuid4().hex if inference_id is None else inference_id
        body = inline_body(loaded) if inline else None
        location = place_in_s3(loaded, self._inputs, job_id, inline=inline) if body is None else None
        try:
            request = InvocationRequest(
                endpoint_name=self.endpoint_name,
                input_location=input_location(location, self.region) if location else None,
                body=body,
                content_type=content_type or loaded.content_type,
                accept=accept,
                custom_attributes=custom_attributes,
                inference_id=job_id,
                request_ttl_seconds=ttl,
                invocation_timeout_seconds=invocation_timeout,
                s3_output_path_extension=output_path_extension,
                filename=filename,
            )
        except InvocationError as error:
            raise InvalidRequest(f"{loaded.name} cannot be submitted: {error}") from error
        if location and not isinstance(loaded.source, S3Location):
            self._transport.upload(loaded.source, location, content_type or loaded.content_type)
        if location and before_call:
            before_call(location)
        submitted_at = self._clock()
        acceptance = self._transport.submit(request)
        return Job(
            document=loaded.name,
            inference_id=acceptance.inference_id,
            acceptance=acceptance,
            submitted_at=submitted_at,
            deadline=submitted_at + ttl + invocation_timeout + self.grace_seconds,
            wait=self.poller.wait,
            clock=self._clock,
            has_new_key=inference_id is None and filename is None,
        )

    def submit_many(
        self,
        documents: Iterable[Path | bytes | S3Location | str],
        *,
        concurrency: int | None = None,
        on_submitted: Callable[[Job], None] | None = None,
        content_type: str | None = None,
        ttl: int = DEFAULT_REQUEST_TTL_SECONDS,
        invocation_timeout: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    ) -> list[Job]:
        """Submits documents, several at once, and returns one job for each, in their order.

        A document that is not accepted becomes a FAILED job whose `error` has the reason, so that one bad file does not
        stop the rest. `documents` is consumed during the submissions, a few documents ahead.

        Args:
            documents: As for `submit`.
            concurrency: How many at once; the endpoint's own if absent.
            on_submitted: Called with each job as soon as it is accepted, from a worker thread, so that the caller knows
                the accepted jobs even if this call is interrupted.
            content_type: As for `submit`, for all documents.
            ttl: As for `submit`.
            invocation_timeout: As for `submit`.

        Raises:
            EndpointNotFound: There is no such endpoint; the remaining documents are skipped.
        """
        options: MapOptions = {"content_type": content_type, "ttl": ttl, "invocation_timeout": invocation_timeout}
        submit = partial(self.submit, **options)
        submit_one = with_rejections(submit, self.not_accepted, raised=(EndpointNotFound,), on_submitted=on_submitted)
        return list(bounded_map(submit_one, documents, concurrency or self.concurrency))

    def map(
        self,
        documents: Iterable[Path | bytes | S3Location | str],
        *,
        ordered: bool = True,
        concurrency: int | None = None,
        timeout: float | None = None,
        on_submitted: Callable[[Job], None] | None = None,
        **options: Unpack[MapOptions],
    ) -> Generator[Job, None, None]:
        """Submits documents while it yields the jobs that have an outcome; `documents` may be endless.

        A document that is not accepted is a FAILED job. For each submission at once, at most eight jobs are not yielded
        yet: memory does not grow. Closing the generator stops the submissions; accepted jobs continue.

        Args:
            documents: As for `submit`. A thread of its own consumes them.
            ordered: Yield in the order of the documents; else as they complete, so that a slow one delays no other.
            concurrency: How many submissions and downloads at once; the endpoint's own if absent.
            timeout: As for `as_completed`.
            on_submitted: As for `submit_many`.
            options: As for `submit`, for all documents.

        Raises:
            EndpointNotFound: There is no such endpoint; the remaining documents are skipped.
            AwsUnavailable: AWS rejects the caller or cannot be reached; the remaining documents are skipped.
            ResultTimeout, StorageError: As for `as_completed`.
        """
        submit, fatal = named_by_age(partial(self.submit, **options)), (EndpointNotFound, AwsUnavailable)
        submit_one = with_rejections(submit, self.not_accepted, raised=fatal, on_submitted=on_submitted)
        stream = JobStream(self.poller, submit_one, concurrency or self.concurrency)
        return stream.jobs(documents, timeout, ordered=ordered)

    def as_completed(self, jobs: Iterable[Job], timeout: float | None = None) -> Iterator[Job]:
        """Yields each job as soon as it has an outcome, good or bad; stops by the last job's deadline.

        Lists the output and failure prefixes, however many jobs there are.

        Args:
            jobs: Jobs of this endpoint.
            timeout: Seconds for all of them; None waits for their deadlines.

        Raises:
            ResultTimeout: `timeout` passed with jobs still queued; the endpoint continues.
            StorageError: S3 could not be read; the jobs continue.
        """
        watched = list(dict.fromkeys(jobs))
        yield from self.poller.as_settled(watched, timeout)
        if queued := sum(job.state is JobState.SUBMITTED for job in watched):
            raise ResultTimeout(
                f"{queued:,} of {counted(len(watched), 'job')} had no result after {timeout or 0:g} s; the endpoint "
                "continues."
            )

    def collect(
        self, jobs: Iterable[Job], *, on_done: Callable[[Job], None] | None = None, timeout: float | None = None
    ) -> list[Job]:
        """Waits for all jobs and returns them in the order of their outcomes.

        Args:
            jobs: Jobs of this endpoint.
            on_done: Called with each job as soon as it has an outcome.
            timeout: As for `as_completed`.

        Raises:
            ResultTimeout: As for `as_completed`.
            StorageError: As for `as_completed`.
        """
        settled = []
        for job in self.as_completed(jobs, timeout):
            if on_done:
                on_done(job)
            settled.append(job)
        return settled

    def not_accepted(self, document: Path | bytes | S3Location | str, error: SubmitError) -> Job:
        """Returns the FAILED job of a document that was not accepted."""
        now = self._clock()
        job = Job(
            document=UNNAMED if isinstance(document, bytes) else str(document),
            inference_id="",
            acceptance=None,
            submitted_at=now,
            deadline=now,
            wait=self.poller.wait,
            clock=self._clock,
        )
        job.settle(now, error, JobState.FAILED)
        return job
