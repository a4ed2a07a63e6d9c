"""The button that submits a document again: who has it, that only the page's own form works, and what it does."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.console.retries import NotRetried, RetryForm
from async_endpoint.emulator.console.routes import Pages
from async_endpoint.protocol import AttemptRequest, merge_records, record_attempt, record_cancelled
from tests.emulator.console.deployed import DeployedStage
from tests.emulator.console.pages import ENDPOINT, Read, page, remembered
from tests.emulator.fakes import REGION, FakeRegion

Posted = dict[str, Any]


class Retried:
    """Notes what is submitted again, in the place of the command."""

    def __init__(self, error: str | None = None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.error = error

    def __call__(self, clients: AwsClients, stack: str, job: str) -> None:
        assert clients.region == REGION
        self.calls.append((stack, job))
        if self.error:
            raise NotRetried(self.error)


def served(region: FakeRegion, retry: Callable[[AwsClients, str, str], None] | None = None) -> Pages:
    return Pages(lambda: [region], region.clock, form=RetryForm(retry))


def form_of(pages: Pages, **query: str) -> Posted:
    """The fields of the first form on the endpoint's page."""
    body = pages.handle("GET", ENDPOINT, query, b"")[2].decode()
    read = Read(body)
    (form, *_) = read.all("form")
    assert (form["method"], form["action"]) == ("post", "/_local/retry")
    hidden = [each for each in read.all("input") if each["type"] == "hidden"][:4]
    return {str(each["name"]): each["value"] for each in hidden}


def post(pages: Pages, fields: Posted) -> tuple[int, dict[str, str], str]:
    status, headers, body = pages.handle("POST", "/_local/retry", {}, urlencode(fields).encode())
    return status, headers, Read(body.decode()).text


def test_failed_and_expired_jobs_have_a_button_and_it_submits_them_again(
    connected: FakeRegion, deployed: DeployedStage
) -> None:
    job, retried = deployed.failed().job_id, Retried()
    remembered(connected, job, status="Expired")
    remembered(connected, deployed.failed().job_id, status="Completed")
    pages = served(connected, retried)

    fields = form_of(pages, outcome="failed", refresh="0")
    status, headers, _ = post(pages, fields)

    assert status == 303
    assert retried.calls == [(deployed.stack, job)]
    assert headers["location"] == f"{ENDPOINT}?outcome=failed&refresh=0&region={REGION}&account={connected.account}"
    assert len(page(connected).all("form")) == 1  # none for the completed one


def test_a_cancelled_job_has_a_button_whatever_its_request_came_to(
    connected: FakeRegion, deployed: DeployedStage
) -> None:
    job = deployed.failed()
    waiting = merge_records(job, record_attempt(job, cause="c", at=deployed.now()))
    deployed.jobs.merge(waiting)
    attempt = deployed.jobs.name_attempt(waiting)
    deployed.jobs.merge(merge_records(waiting, record_cancelled(waiting, "by hand", at=deployed.now())))
    remembered(connected, attempt)
    pages = served(connected)
    assert form_of(pages)["job"] == job.job_id


def test_a_document_without_a_button_says_why(connected: FakeRegion, deployed: DeployedStage) -> None:
    job = deployed.failed()
    deployed.jobs.merge(merge_records(job, record_attempt(job, cause="c", at=deployed.now())))
    deployed.table.put_item(Item={"job_id": "direct-job", "state": "FAILED", "ended_at": "2026-01-31T12:00:00.000Z"})
    for name in (job.job_id, "direct-job", "no-job"):
        remembered(connected, name, status="Failed")
    read = page(connected)

    assert read.all("form") == []
    assert "The job has been submitted again: attempt 2 is RECEIVED." in read.text
    assert "The job direct-job did not come through the inbox: its caller has to submit its document" in read.text
    assert "It was submitted directly and is not a job" in read.text


def test_without_a_workflow_there_is_no_button(region: FakeRegion) -> None:
    remembered(region, "id-1", status="Failed")
    read = page(region)
    assert read.all("form") == []
    assert "The endpoint has no workflow stack" in read.text


@pytest.mark.parametrize("change", [{"token": ""}, {"token": "x" * 43}, {"token": "\u00e9"}, {}])
def test_without_the_token_of_this_process_nothing_is_submitted(
    connected: FakeRegion, deployed: DeployedStage, change: Posted
) -> None:
    retried = Retried()
    remembered(connected, deployed.failed().job_id, status="Failed")
    fields = form_of(served(connected))  # of an earlier process
    pages = served(connected, retried)
    status, headers, text = post(pages, fields | change)
    assert (status, retried.calls) == (409, [])
    assert "location" not in headers
    assert "load it again" in text


def test_a_retry_that_fails_is_a_page_with_the_reason_and_a_way_back(
    connected: FakeRegion, deployed: DeployedStage
) -> None:
    remembered(connected, deployed.failed().job_id, status="Failed")
    pages = served(connected, Retried("The job is <b>COMPLETED</b>."))
    fields = form_of(pages)
    _, _, body = pages.handle("POST", "/_local/retry", {}, urlencode(fields).encode())
    read = Read(body.decode())
    assert "The job is <b>COMPLETED</b>." in read.text
    assert f"{ENDPOINT}?region={REGION}&account={connected.account}" in read.addresses
    assert [each for each in read.all("meta") if "http-equiv" in each] == []

    unknown = post(pages, fields | {"endpoint": "//evil.example"})
    assert unknown[0] == 409
    assert "no workflow stack of an endpoint //evil.example" in unknown[2]
    assert post(pages, fields | {"back": "region=none"})[0] == 409


def test_it_does_what_the_command_does(connected: FakeRegion, deployed: DeployedStage) -> None:
    job = deployed.failed()
    remembered(connected, job.job_id, status="Failed")
    pages = served(connected)
    fields = form_of(pages)

    assert post(pages, fields)[0] == 303
    assert deployed.requests() == [AttemptRequest(job.job_id, 2)]
    after = deployed.jobs.get(job.job_id)
    assert after
    assert (after.state, after.attempt) == ("RECEIVED", 2)

    status, _, text = post(pages, fields | {"job": "--help"})
    assert status == 409
    assert re.search(r"There is no job '--help'", text)


def test_the_form_is_posted_and_never_got(region: FakeRegion) -> None:
    assert served(region).handle("GET", "/_local/retry", {}, b"")[0] == 405
    assert served(region).handle("PUT", "/_local/retry", {}, b"")[0] == 405
