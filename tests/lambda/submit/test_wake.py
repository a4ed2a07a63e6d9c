"""The waker after each batch: once for a burst, and never in the way of a document."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from async_endpoint.protocol import WakeAttempt, WakeResult
from shared.settings import SettingsError
from submit import wake
from submit.wake import Waker, WakeSettings
from tests.support.endpoint_fixtures import Clock, EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox

ENVIRONMENT = {
    "WAKE_ON_SUBMIT": "true",
    "ENDPOINT_NAME": "receipts",
    "VARIANT_NAME": "AllTraffic",
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "BACKLOG_PER_INSTANCE": "5",
    "WAKE_COOLDOWN_SECONDS": "900",
}


@dataclass
class Endpoint:
    """What attempts find, one after the other; the last stays. `attempts` are the documents of each."""

    findings: list[WakeResult | Exception]
    attempts: list[int] = field(default_factory=list)
    holds: int = 0
    trouble: Exception | None = None

    def attempt(self, accepted: int) -> WakeAttempt:
        self.attempts.append(accepted)
        found = self.findings.pop(0) if len(self.findings) > 1 else self.findings[0]
        if isinstance(found, Exception):
            raise found
        return WakeAttempt(found, f"It is {found}.")

    def hold(self) -> None:
        self.holds += 1
        if self.trouble:
            raise self.trouble


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings of the waker, which may be of another import than the functions that other tests load."""
    found: list[str] = []
    log = vars(wake)["logger"]
    monkeypatch.setattr(log, "warning", lambda text, *values: found.append(text % values))
    monkeypatch.setattr(log, "info", logging.getLogger(__name__).info)
    return found


def batches(endpoint: Endpoint, clock: Clock, every: float, count: int, accepted: int = 3) -> None:
    """Processes so many batches, one every so many seconds."""
    waker = Waker(endpoint.attempt, endpoint.hold, clock)
    for _ in range(count):
        waker.after_batch(accepted)
        clock.sleep(every)


def test_a_burst_wakes_once_and_holds_the_alarm_once(clock: Clock, warnings: list[str]) -> None:
    endpoint = Endpoint([WakeResult.WOKEN, WakeResult.AWAKE])
    batches(endpoint, clock, every=1, count=60)
    assert (endpoint.attempts, endpoint.holds, warnings) == ([3], 1, [])


def test_an_endpoint_that_is_awake_is_looked_at_twice_a_minute(clock: Clock, warnings: list[str]) -> None:
    endpoint = Endpoint([WakeResult.AWAKE])
    batches(endpoint, clock, every=1, count=120)
    assert (len(endpoint.attempts), endpoint.holds, warnings) == (4, 0, [])


def test_an_endpoint_on_its_way_to_sleep_is_woken_once_it_sleeps(clock: Clock, warnings: list[str]) -> None:
    endpoint = Endpoint([WakeResult.BUSY, WakeResult.BUSY, WakeResult.WOKEN])
    batches(endpoint, clock, every=6, count=3)
    assert (len(endpoint.attempts), endpoint.holds, warnings) == (3, 1, [])


def test_a_batch_without_an_accepted_document_wakes_nothing(clock: Clock) -> None:
    endpoint = Endpoint([WakeResult.WOKEN])
    batches(endpoint, clock, every=1, count=3, accepted=0)
    assert endpoint.attempts == []


@pytest.mark.parametrize("finding", [WakeResult.LEFT_ALONE, PermissionError("no")])
def test_what_keeps_it_from_waking_is_said_once_and_raises_nothing(
    clock: Clock, warnings: list[str], finding: WakeResult | Exception
) -> None:
    endpoint = Endpoint([finding])
    batches(endpoint, clock, every=20, count=30)
    assert len(warnings) == 1
    assert 5 <= len(endpoint.attempts) <= 30
    assert endpoint.holds == 0


def test_a_reason_that_returns_is_said_again(clock: Clock, warnings: list[str]) -> None:
    endpoint = Endpoint([WakeResult.LEFT_ALONE, WakeResult.AWAKE, WakeResult.LEFT_ALONE])
    batches(endpoint, clock, every=70, count=3)
    assert len(warnings) == 2


def test_an_alarm_that_cannot_be_held_is_said(clock: Clock, warnings: list[str]) -> None:
    endpoint = Endpoint([WakeResult.WOKEN], trouble=PermissionError("no"))
    batches(endpoint, clock, every=1, count=1)
    assert warnings == ["The wake alarm could not be held and may start as many instances again: PermissionError: no"]


def test_without_the_variable_or_with_false_there_is_no_waker() -> None:
    assert WakeSettings.from_environment({}) is None
    assert WakeSettings.from_environment({"WAKE_ON_SUBMIT": "false"}) is None
    assert WakeSettings.from_environment(ENVIRONMENT) is not None


@pytest.mark.parametrize("name", [name for name in ENVIRONMENT if name != "WAKE_ON_SUBMIT"])
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        WakeSettings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


# -- the whole function ---------------------------------------------------------------------------------------------


@pytest.fixture
def load_waking(load: Callable[[str], Function], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Function]:
    """Loads the function with the setting on; its calls to SageMaker reach nothing."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL_SAGEMAKER": "http://localhost:9"}.items():
        monkeypatch.setenv(name, value)
    return lambda: load("submit")


def test_documents_are_submitted_though_the_endpoint_cannot_be_woken(
    load_waking: Callable[[], Function], inbox: VersionedInbox, server: EndpointServer, jobs: RecordedJobs
) -> None:
    kept, lines = load_waking().process(json.dumps(inbox.put("inbox/a.png")))

    assert (kept, len(server.requests)) == ([], 1)
    assert jobs.by_key()["inbox/a.png"].state == "SUBMITTED"
    assert lines[-1]["level"] == "WARNING"
    assert lines[-1]["message"].startswith("The endpoint was not woken, its alarm does that later: EndpointConn")


def test_the_endpoint_is_woken_after_the_documents_with_the_number_that_it_accepted(
    load_waking: Callable[[], Function], inbox: VersionedInbox, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waking, woken = load_waking(), list[Any]()
    monkeypatch.setattr(
        "submit.wake.Waker.after_batch", lambda _, accepted: woken.append((accepted, len(server.requests)))
    )
    good = [json.dumps(inbox.put(f"inbox/{number}.png")) for number in range(2)]

    waking.process(*good, "no JSON", json.dumps(inbox.put("inbox/empty.png", b"")))
    waking.process(*good)

    assert woken == [(2, 2), (0, 2)]
