"""Sessions for what a command reads while somebody waits for it: without a connection they fail within seconds."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError

_ATTEMPTS = 2
_CONNECT_SECONDS = 4
_UNREACHABLE = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


def reading_session(region: str | None = None) -> boto3.Session:
    """Returns a session whose clients try twice to connect. Throttled and failed requests are retried as usual.

    botocore tries five times, DynamoDB's client ten times, with a timeout of 60 s each:
    https://docs.aws.amazon.com/boto3/latest/guide/retries.html

    Args:
        region: The region; boto3's default if absent.

    Raises:
        BotoCoreError: The configuration of the AWS SDKs is broken.
    """
    core = botocore.session.get_session()
    core.set_default_client_config(Config(connect_timeout=_CONNECT_SECONDS))
    session = boto3.Session(botocore_session=core, region_name=region)
    # As botocore's own handler raises the error of the last attempt.
    session.events.register_first("needs-retry", _raise_if_unreachable)
    return session


def _raise_if_unreachable(*, attempts: int, caught_exception: Exception | None, **_: object) -> None:
    if attempts >= _ATTEMPTS and isinstance(caught_exception, _UNREACHABLE):
        raise caught_exception
