"""Sessions for the commands: none takes a web page for a response of AWS, and most fail within seconds of an outage."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError

from async_endpoint.client.wrong_responses import reject_wrong_responses

_ATTEMPTS = 2
_CONNECT_SECONDS = 4
_RUN_CONNECT_SECONDS = 10  # the first packet of a connection is sent four times in it
_UNREACHABLE_AT_ONCE = (EndpointConnectionError, ProxyConnectionError)
_UNREACHABLE = (ConnectTimeoutError, *_UNREACHABLE_AT_ONCE)
_OUTAGE_ATTEMPTS, _OUTAGE_PAUSE = 13, 4.0  # eight pauses, after those of botocore's five attempts


def reading_session(region: str | None = None) -> boto3.Session:
    """Returns a session whose clients try twice to connect. Throttled and failed requests are retried as usual.

    botocore tries five times, DynamoDB's client ten times, with a timeout of 60 s each:
    https://docs.aws.amazon.com/boto3/latest/guide/retries.html

    Args:
        region: The region; boto3's default if absent.

    Raises:
        BotoCoreError: The configuration of the AWS SDKs is broken.
    """
    session = _session(region, _CONNECT_SECONDS)
    session.events.register_first("needs-retry", _raise_if_unreachable)
    return session


def submitting_session(region: str | None = None) -> boto3.Session:
    """Returns a session whose clients try twice to connect until AWS has responded once, and then for half a minute.

    A run thus fails within seconds if its connections are refused or a name does not resolve, and a short outage of the
    network later does not end it, which botocore's own attempts would: where many calls wait, the random pauses of one
    add up to less than 3 s. A connection whose packets are lost takes 10 s, where botocore waits for 60. Any service's
    response counts. In botocore's legacy mode its own last attempt is the last.

    Args:
        region: The region; boto3's default if absent.

    Raises:
        BotoCoreError: The configuration of the AWS SDKs is broken.
    """
    session = _session(region, _RUN_CONNECT_SECONDS)
    attempts: Any = _ConnectionAttempts()  # the stub has no handler that returns a pause
    session.events.register_first("needs-retry", attempts)
    return session


def patient_session(region: str | None = None) -> boto3.Session:
    """Returns a session with botocore's own attempts: what changes a stage, or is left to run, outlives an outage.

    Args:
        region: The region; boto3's default if absent.

    Raises:
        BotoCoreError: The configuration of the AWS SDKs is broken.
    """
    session = boto3.Session(region_name=region)
    reject_wrong_responses(session.events)
    return session


def _session(region: str | None, connect_seconds: int) -> boto3.Session:
    core = botocore.session.get_session()
    core.set_default_client_config(Config(connect_timeout=connect_seconds))
    session = boto3.Session(botocore_session=core, region_name=region)
    reject_wrong_responses(session.events)
    return session


class _ConnectionAttempts:
    """Ends the attempts to connect early until there is a response to any request, and repeats them from then on."""

    def __init__(self) -> None:
        self._has_responded = False

    def __call__(
        self, *, response: object, attempts: int, caught_exception: Exception | None, **_: object
    ) -> float | None:
        """Returns the seconds until the next attempt; where botocore has pauses of its own, they count instead."""
        if response is not None:  # no `|=`: threads share it, and one could take back what another has set
            self._has_responded = True
        if not self._has_responded:
            _raise_if_unreachable(attempts=attempts, caught_exception=caught_exception)
        elif isinstance(caught_exception, _UNREACHABLE_AT_ONCE) and attempts < _OUTAGE_ATTEMPTS:
            return _OUTAGE_PAUSE
        return None


def _raise_if_unreachable(*, attempts: int, caught_exception: Exception | None, **_: object) -> None:
    """Raises the error of the last attempt, as botocore's own handler does."""
    if attempts >= _ATTEMPTS and isinstance(caught_exception, _UNREACHABLE):
        raise caught_exception
