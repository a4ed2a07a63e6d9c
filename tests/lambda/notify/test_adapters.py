"""The notifier's adapters, with a client in memory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from notify.adapters import DefaultBus, WebhookSecret
from notify.signature import SecretError


@dataclass
class Events:
    """A client for EventBridge, whose calls have these results, then accept everything."""

    results: list[Any] = field(default_factory=list)
    calls: list[list[Mapping[str, Any]]] = field(default_factory=list)

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        self.calls.append([*Entries])
        result = self.results.pop(0) if self.results else [{"EventId": "id"}] * len(Entries)
        if isinstance(result, Exception):
            raise result
        return {"FailedEntryCount": sum("EventId" not in each for each in result), "Entries": result}


def test_an_event_names_its_source_its_type_and_no_bus() -> None:
    events = Events()
    assert DefaultBus(events).put([{"job_id": "é"}]) == [None]
    assert events.calls == [
        [{"Source": "async-endpoint", "DetailType": "Job Finished", "Detail": json.dumps({"job_id": "é"})}]
    ]


def test_ten_events_are_a_call() -> None:
    events = Events()
    assert DefaultBus(events).put([{"n": n} for n in range(23)]) == [None] * 23
    assert [len(call) for call in events.calls] == [10, 10, 3]


def test_large_events_are_fewer_in_a_call() -> None:
    events = Events()
    DefaultBus(events).put([{"reason": "x" * 90_000}] * 5)
    assert [len(call) for call in events.calls] == [2, 2, 1]


def test_no_event_is_no_call() -> None:
    events = Events()
    assert DefaultBus(events).put([]) == []
    assert events.calls == []


def test_an_entry_that_was_not_accepted_has_its_error() -> None:
    events = Events([[{"EventId": "id"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]])
    assert DefaultBus(events).put([{}, {}]) == [None, "ThrottlingException: slow down"]


def test_a_call_that_fails_fails_for_its_own_events_alone() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutEvents")
    found = DefaultBus(Events([denied, ConnectTimeoutError(endpoint_url="https://events")])).put([{}] * 21)
    assert ["AccessDenied" in str(each) for each in found[:10]] == [True] * 10
    assert ["timeout" in str(each) for each in found[10:20]] == [True] * 10
    assert found[20] is None


@dataclass
class Secrets:
    """A client for Secrets Manager with one secret."""

    text: str | None = "first"
    calls: int = 0

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        assert SecretId == "webhook"
        self.calls += 1
        if self.text is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self.text}


def test_the_secret_is_read_again_after_five_minutes() -> None:
    secrets, now = Secrets(), [1000.0]
    secret = WebhookSecret(secrets, "webhook", lambda: now[0])
    assert (secret.read(), secret.read(), secrets.calls) == ("first", "first", 1)
    secrets.text = "second"
    now[0] += 300
    assert secret.read() == "first"
    now[0] += 1
    assert secret.read() == "second"


def test_a_secret_that_cannot_be_read_is_named() -> None:
    with pytest.raises(SecretError, match=r"The webhook's secret webhook cannot be read: .*ResourceNotFound"):
        WebhookSecret(Secrets(None), "webhook", lambda: 0.0).read()
