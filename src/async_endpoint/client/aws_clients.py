"""boto3's clients, made so that botocore takes less of the interpreter for each call.

A client that submits thousands of documents is bound by the interpreter, and botocore does much for a call that is
the same for every one, or that nobody reads. What changes is set through botocore's own settings and events. Retries,
signatures, checksums, errors and TLS stay as they are. Where a later botocore has no such handler any more, its own
way of doing it remains.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore import handlers
from botocore.config import Config
from botocore.utils import determine_content_length

from async_endpoint.client.listing_parser import parse_listings_quickly
from async_endpoint.client.wrong_responses import reject_wrong_responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sagemaker_runtime.client import SageMakerRuntimeClient

SENT_AT_ONCE = 1024 * 1024
"""Bytes of an upload below which S3 is not asked first whether it takes it."""


def make_clients(
    session: boto3.Session | None, *, connections: int, max_attempts: int
) -> tuple[SageMakerRuntimeClient, S3Client]:
    """Returns clients of sagemaker-runtime and of S3.

    Args:
        session: Makes them; boto3's defaults if absent.
        connections: The size of each pool of connections.
        max_attempts: Attempts of each call, in botocore's standard retry mode.

    Raises:
        BotoCoreError: boto3 lacks a setting, such as the region.
    """
    session = session or boto3.Session()
    config = Config(max_pool_connections=connections, retries={"mode": "standard", "total_max_attempts": max_attempts})
    config = config.merge(Config(user_agent=_user_agent(session, config)))
    runtime, s3 = session.client("sagemaker-runtime", config=config), session.client("s3", config=config)
    for client in (runtime, s3):
        reject_wrong_responses(client.meta.events)
    parse_listings_quickly(s3)
    s3.meta.events.register("before-parse.s3.GetObject", _keep_media_type)
    _ask_before_large_uploads_only(s3)
    return runtime, s3


def _user_agent(session: boto3.Session, config: Config) -> str | None:
    """Returns the text that botocore builds twice for each call, from thirty parts: an eighth of the call's time."""
    made = _config_of(session, config)
    agent, app = getattr(made, "user_agent", None), getattr(made, "user_agent_appid", None)
    if not agent:
        return None
    # To a given text botocore appends the session's own parts, which are in its text already.
    appended = str(_config_of(session, config.merge(Config(user_agent="-"))).user_agent).removeprefix("-")
    agent = str(agent).removesuffix(appended)
    return f"{agent} app/{app}" if app else agent


def _config_of(session: boto3.Session, config: Config) -> Any:  # a Config whose stub lacks the user agent
    return session.client("sagemaker-runtime", config=config).meta.config


def _keep_media_type(*, response_dict: dict[str, Any], **_: object) -> None:
    """Drops the headers of an object but its media type: to parse a time and look for thirty more takes a fifth."""
    if response_dict["status_code"] == HTTPStatus.OK:
        media_type = response_dict["headers"].get("content-type")
        response_dict["headers"] = {} if media_type is None else {"Content-Type": media_type}


def _ask_before_large_uploads_only(s3: S3Client) -> None:
    """Lets small documents go up without `Expect: 100-continue`, which takes one more round trip for each."""
    theirs = getattr(handlers, "add_expect_header", None)
    if theirs is not None:
        s3.meta.events.unregister("before-call.s3", theirs)
        s3.meta.events.register("before-call.s3", partial(_ask_before_large, theirs))


def _ask_before_large(theirs: Callable[..., None], *, params: dict[str, Any], **options: object) -> None:
    size = determine_content_length(params.get("body"))
    if size is None or size >= SENT_AT_ONCE:
        theirs(params=params, **options)
