"""Submits and collects the documents of a ticket until each has an outcome."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from async_endpoint.client.errors import AwsUnavailable, ResultTimeout, StorageError
from async_endpoint.client.result_lines import line_of
from async_endpoint.client.run_doubts import Doubts, renewal_remarks
from async_endpoint.client.run_restore import queued_jobs
from async_endpoint.client.run_submitter import RunSubmitter
from async_endpoint.client.ticket_lines import line_facts
from async_endpoint.client.ticket_schema import UNFINISHED, DocumentState, Outcome
from async_endpoint.counted import counted
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.jobs import Job
    from async_endpoint.client.run_options import RunOptions
    from async_endpoint.client.run_output import LineWriter
    from async_endpoint.client.ticket import Ticket
    from async_endpoint.client.ticket_schema import Entry

_MOST_READS = 3
_FINISHED_AT_ONCE = 32
_SUBMITTING_INTERVAL = 0.5
_SUBMITTING_PAUSE = 0.1


class RunEngine:
    """Does what is left of a run.

    Args:
        endpoint: Of the run.
        ticket: Has what is done.
        output: Gets a line for each outcome.
        options: Who is notified, and how long to wait.

    Attributes:
        jobs: The jobs of this process, with their place in the run; without results unless these are to be kept.
    """

    def __init__(
        self,
        endpoint: AsyncEndpoint,
        ticket: Ticket,
        output: LineWriter,
        options: RunOptions,
    ) -> None:
        self.jobs: list[tuple[int, Job]] = []
        self._endpoint = endpoint
        self._poller = endpoint.poller
        self._ticket = ticket
        self._output = output
        self._options = options
        self._pending: dict[Job, Entry] = {}
        self._jobs_of: dict[int, list[Job]] = {}  # of pending documents, by number
        self._failed_reads: Counter[Job] = Counter()
        self._unreadable: list[StorageError] = []
        self._submitter = RunSubmitter(endpoint, ticket, self._submitted)
        self._doubts = Doubts(ticket, endpoint, options.records)
        self._left = sum(ticket.counts()[state] for state in UNFINISHED)
        self._waking = threading.Lock()
        self._gives_up = float("inf")

    @property
    def left(self) -> int:
        """How many documents had no outcome when this process began."""
        return self._left

    def run(self) -> None:
        """Does everything that is left.

        Raises:
            AsyncEndpointError: AWS, the ticket or the output failed; the ticket has what was done.
        """
        with self._endpoint.poller.with_threads() as self._poller:
            self._restore()
            self._doubts.load()
            while True:
                self._submit_and_collect()
                if not self._doubts:
                    break
                self._resolve_doubts()
        if self._unreadable:
            raise self._unreadable[0]

    def submit(self) -> None:
        """Submits every waiting document, and waits for no outcome; may be called again for documents that came later.

        A document whose call broke off stays in doubt: `run` resolves it.

        Raises:
            AsyncEndpointError: AWS or the ticket failed for all documents; the ticket has what was done.
        """
        self._submitter.start()
        try:
            while True:
                is_over = self._submitter.is_over
                self._finish_rejected()
                if is_over:
                    break
                self._poller.sleep(_SUBMITTING_PAUSE)
        finally:
            self._submitter.stop()
            self._finish_rejected()
        if self._submitter.error is not None:
            raise self._submitter.error

    def fetch(self) -> None:
        """Fetches the outcomes that exist now, also of documents in doubt; submits nothing, and waits for nothing.

        Raises:
            AsyncEndpointError: AWS or the ticket failed; the ticket has what was fetched.
        """
        with self._endpoint.poller.with_threads() as self._poller:
            self._restore()
            self._doubts.load()
            for entry, job in self._doubts.watch():
                self._watch(entry, job)
            for _ in range(_MOST_READS):
                self._collect()
                if not self._failed_reads:
                    break
        if self._unreadable:
            raise self._unreadable[0]

    def report(self) -> list[str]:
        """Returns what the user should know about the submissions, one sentence for each matter."""
        if not (changed := self._submitter.changed):
            return []
        who = f"{counted(changed, 'document')} {'has' if changed == 1 else 'have'}"
        return [f"{who} changed since the run began, and went out as of now."]

    def _submitted(self, job: Job) -> None:
        """Is notified of each job that was accepted or rejected, by a worker thread."""
        if job.state is JobState.SUBMITTED:
            self._wake()
        self._options.progress.submitted(job)

    def _wake(self) -> None:
        """Wakes the endpoint, once; called often, while a document waits for its outcome."""
        if self._options.wake and self._waking.acquire(blocking=False):
            self._options.wake(self._left)

    def _restore(self) -> None:
        """Watches what an earlier process submitted."""
        for entry, job in queued_jobs(self._ticket, self._endpoint):
            self._watch(entry, job)
            self._options.progress.submitted(job)

    def _watch(self, entry: Entry, job: Job) -> None:
        self._pending[job] = entry
        self._jobs_of.setdefault(entry.number, []).append(job)
        self.jobs.append((entry.number, job))

    def _take_in_submitted(self) -> None:
        while not self._submitter.done.empty():
            self._watch(*self._submitter.done.get())

    def _finish_rejected(self) -> None:
        """Finishes the documents that were not accepted; of the others the ticket has all that `run` needs."""
        rejected = []
        while not self._submitter.done.empty():
            entry, job = self._submitter.done.get()
            if job.state is not JobState.SUBMITTED:
                rejected.append((entry, job))
        self._finish(rejected)

    def _watch_no_more(self, number: int) -> None:
        for job in self._jobs_of.pop(number, ()):
            self._pending.pop(job, None)

    def _submit_and_collect(self) -> None:
        """Submits every waiting document and collects, until all but the doubtful ones have their outcome."""
        submitter, clock = self._submitter, self._poller.clock
        interval = self._poller.interval.shortest
        doubt_ends = float("inf")
        submitter.start()
        try:
            while True:
                began, is_over = clock(), submitter.is_over
                self._take_in_submitted()
                for entry, job in self._doubts.watch():
                    self._watch(entry, job)
                found = self._collect()
                if any(job not in self._doubts.jobs for job in self._pending):
                    self._wake()
                if is_over:
                    self._doubts.load()
                if is_over and submitter.error is not None:
                    raise submitter.error
                now = clock()
                doubtful = self._doubts.jobs
                if is_over and self._gives_up == float("inf") and self._options.timeout is not None:
                    self._gives_up = now + self._options.timeout
                if is_over and not any(job not in doubtful for job in self._pending):
                    doubt_ends = min(doubt_ends, now + self._options.doubt_seconds)
                    if not self._doubts or now >= doubt_ends:
                        return
                if self._gives_up <= now:
                    self._give_up()
                interval = self._poller.interval.after(interval, found_something=found)
                longest = interval if is_over else min(interval, _SUBMITTING_INTERVAL)
                ends = min(self._gives_up, doubt_ends, *(job.deadline for job in self._pending))
                self._poller.sleep(max(0.0, min(self._poller.interval.pause(longest, now - began), ends - now)))
        finally:
            submitter.stop()
            self._take_in_submitted()  # those that were accepted until now

    def _give_up(self) -> None:
        raise ResultTimeout(
            f"{len(self._pending):,} of {counted(self._ticket.counts().total(), 'job')} had no result after "
            f"{self._options.timeout or 0:g} s; the endpoint continues."
        )

    def _collect(self) -> bool:
        """Polls once and finishes what is settled; returns whether anything was."""
        unreadable: dict[Job, StorageError] = {}
        pending = len(self._pending)
        settled: list[Job] = []
        if waiting := [job for job in self._pending if job.state is JobState.SUBMITTED]:
            for job in self._poller.polled(waiting, self._poller.clock(), unreadable):
                settled.append(job)
                if len(settled) >= _FINISHED_AT_ONCE:
                    self._finish_pending(settled)
                    settled = []
        self._finish_pending([job for job in self._pending if job.state is not JobState.SUBMITTED])
        found_some = len(self._pending) < pending
        for job, error in unreadable.items():
            self._failed_reads[job] += 1
            if isinstance(error, AwsUnavailable):
                raise error
            if self._failed_reads[job] >= _MOST_READS:  # one object must not hold up the others
                entry = self._pending.pop(job, None)
                if entry and job in self._doubts.jobs:
                    self._doubts.leave(entry.number)  # its result is there: it must not be submitted again
                self._unreadable.append(error)
        return found_some

    def _finish_pending(self, settled: list[Job]) -> None:
        """Finishes documents that were watched, each once, whichever of its jobs has the outcome."""
        finished = []
        for job in settled:
            if entry := self._pending.get(job):
                self._watch_no_more(entry.number)
                finished.append((entry, job))
        self._finish(finished)

    def _finish(self, finished: list[tuple[Entry, Job]]) -> None:
        """Writes the lines of documents, first into the ticket."""
        if not finished:
            return
        outcomes = [self._outcome(entry, job) for entry, job in finished]
        self._ticket.finished(outcomes)
        self._output.write(*(outcome.line for outcome in outcomes))
        for entry, job in finished:
            if entry.number in self._doubts:  # it was taken, although its call broke off
                self._options.progress.submitted(job)
            self._doubts.forget(entry.number)
            self._options.progress.finished(job)
            if not self._options.keep_results:
                job.output = None

    def _outcome(self, entry: Entry, job: Job) -> Outcome:
        reason = getattr(job.error, "reason", None) or (str(job.error) if job.error else None)
        state = DocumentState(job.state.value)
        facts = line_facts(entry, state, job.acceptance, reason=reason, seconds=job.seconds)
        try:
            line = line_of(facts, job.output)
        except Exception as error:  # noqa: BLE001 - one result must not decide over the others
            reason = f"The result cannot be written as JSON: {error!r}"
            line = line_of(line_facts(entry, state, job.acceptance, reason=reason, seconds=job.seconds))
        return Outcome(entry.number, state, line, reason)

    def _resolve_doubts(self) -> None:
        """Submits those again that were most likely never taken."""
        for entry, job in self._doubts.settled(self._submitter.tries, self._submitter.doubtful):
            self._watch_no_more(entry.number)
            self._watch(entry, job)
        self._collect()
        chosen = self._doubts.delete_uploads()
        self._collect()  # once more: it may have been taken until now
        again = self._doubts.renew(chosen)
        for number in again:
            self._watch_no_more(number)
        for remark in renewal_remarks([entry for entry in chosen if entry.number in again]):
            self._options.notify(remark)
