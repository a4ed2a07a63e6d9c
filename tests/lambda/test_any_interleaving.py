"""A document has one final state and is submitted once for each attempt, whatever comes when, twice, late or never.

The submitting function with its lane, the recording function, the reconciler and the commands work on one table, in any
order that Hypothesis finds, while other documents take the room at the endpoint and leave it again. SageMaker, S3 and
the queue are in memory: they lose, double and delay what the real ones may.
"""

import contextlib
import itertools
import json
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from async_endpoint.operations.jobs.attempts import AttemptRequester
from async_endpoint.protocol import (
    WAITS_FOR_ADMISSION,
    JobRecord,
    JobRecordError,
    JobState,
    attempt_id,
    merge_records,
    record_cancelled,
)
from tests.support.document_world import CLAIM_SECONDS, MAX_SUBMISSIONS, DocumentWorld
from tests.support.intake import object_created

KINDS = st.sampled_from(["success", "500", "400", "expired"])


class World(DocumentWorld):
    """One document and all that may happen to it."""

    @initialize()
    def document_is_uploaded(self) -> None:
        self.messages.append(json.dumps(object_created("inbox/a.png")))

    @rule()
    def event_arrives(self) -> None:
        self.messages.append(json.dumps(object_created("inbox/a.png")))

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), fate=st.sampled_from([None, None, "throttled", "unknown"]), keep=st.booleans())
    def message_is_delivered(self, data: st.DataObject, fate: str | None, *, keep: bool) -> None:
        message = data.draw(st.sampled_from(self.messages))
        self.fate = fate
        done = self.deliver(message)
        self.fate = None
        if done and not keep:
            self.messages.remove(message)

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def message_is_read_ahead(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.messages))
        self.read_ahead.append((message, self.intake.submitter.identify(message)))

    @precondition(lambda self: self.read_ahead)
    @rule(data=st.data(), fate=st.sampled_from([None, None, "throttled", "unknown"]))
    def message_that_was_read_ahead_is_delivered(self, data: st.DataObject, fate: str | None) -> None:
        index = data.draw(st.integers(0, len(self.read_ahead) - 1))
        message, arrival = self.read_ahead.pop(index)
        self.fate = fate
        done = self.submit(arrival)
        self.fate = None
        # Another environment may have done and deleted it meanwhile.
        if done and message in self.messages:
            self.messages.remove(message)

    @rule()
    def other_documents_take_or_leave_the_room(self) -> None:
        self.is_full = not self.is_full

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def message_is_lost(self, data: st.DataObject) -> None:
        self.messages.remove(data.draw(st.sampled_from(self.messages)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), kind=KINDS, notified=st.integers(0, 2))
    def request_ends(self, data: st.DataObject, kind: str, notified: int) -> None:
        self.end(data.draw(st.sampled_from(self.running)), kind, notified)

    @precondition(lambda self: self.notifications)
    @rule(data=st.data(), keep=st.booleans())
    def notification_arrives(self, data: st.DataObject, *, keep: bool) -> None:
        message = data.draw(st.sampled_from(self.notifications))
        self.record(message)
        if not keep:
            self.notifications.remove(message)

    @rule(minutes=st.sampled_from([1, 3, 20, 60, 200]))
    def time_passes(self, minutes: int) -> None:
        self.intake.now += 60 * minutes

    @rule()
    def reconciler_runs(self) -> None:
        self.reconcile()

    @precondition(lambda self: self.job)
    @rule(sent=st.booleans())
    def operator_retries(self, *, sent: bool) -> None:
        job = self.job
        assert job is not None
        send = self.request if sent else lambda _: None  # killed before the message
        requester = AttemptRequester(self.intake.jobs, send, lambda: self.now, retention_days=30)
        try:
            if not requester.request(job.job_id, "It was tested.").repeated:
                self.commands += 1
        except JobRecordError:
            pass

    @precondition(lambda self: self.job)
    @rule()
    def operator_cancels(self) -> None:
        job = self.job
        assert job is not None

        def cancelled(existing: JobRecord | None) -> JobRecord:
            assert existing is not None
            return merge_records(existing, record_cancelled(existing, "It was tested.", at=self.now))

        with contextlib.suppress(JobRecordError):
            self.intake.jobs.change(job.job_id, cancelled)

    @invariant()
    def each_attempt_is_submitted_once(self) -> None:
        ids = [accepted.inference_id for accepted in self.accepted]
        # Only a request of which nobody knows whether it was accepted is made again, when its claim is over.
        assert len(ids) - len(set(ids)) <= self.unknown
        for first, second in itertools.combinations(self.accepted, 2):
            assert first.inference_id != second.inference_id or second.at - first.at >= CLAIM_SECONDS

    @invariant()
    def a_cancelled_document_that_waited_never_reaches_the_model(self) -> None:
        job = self.job
        if job and job.state is JobState.CANCELLED and job.claimed_until == WAITS_FOR_ADMISSION:
            names = {attempt_id(job.job_id, job.attempt)}
            assert not names & {accepted.inference_id for accepted in self.accepted}

    @invariant()
    def attempts_are_limited(self) -> None:
        job = self.job
        assert job is None or len(job.attempts) <= MAX_SUBMISSIONS + self.commands

    @invariant()
    def a_result_is_never_forgotten(self) -> None:
        job = self.job
        if job and job.state is JobState.COMPLETED:
            assert job.outcome_location in self.objects

    def teardown(self) -> None:
        """Lets everything end: the document has a final state, and stays in it."""
        self.is_full = False
        for _ in range(60):
            for message in list(self.messages):
                if self.deliver(message):
                    self.messages.remove(message)
            for accepted in list(self.running):
                self.end(accepted, "success", 1)
            for notification in self.notifications:
                self.record(notification)
            self.notifications.clear()
            job = self.job
            if job and job.state.is_final and not self.messages:
                break
            self.intake.now += 1_800
            # The event of an older upload is not sent again.
            self.reconcile()
        job = self.job
        if job is None:
            return  # its event never came, and too much time has passed
        assert job.state.is_final, job
        before = job
        self.intake.now += timedelta(days=1).total_seconds()
        self.reconcile()
        assert self.job == before


World.TestCase.settings = settings(max_examples=400, stateful_step_count=50)
TestAnyInterleaving = World.TestCase
