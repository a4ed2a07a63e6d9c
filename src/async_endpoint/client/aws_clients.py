"""boto3's clients, made so that botocore takes less of the interpreter for each call.

A client that submits thousands of documents is bound by the interpreter, and botocore does much for a call that is
the same for every one, or that nobody reads. What changes is set through botocore's own settings and events. Retries,
signatures, checksums, errors and TLS stay as they are. Where a later botocore has no such handler any more, its own
way of doing it remains.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore import handlers
from botocore.config import Config
from botocore.utils import determine_content_length

from async_endpoint.client.listing_parser import parse_listings_quickly

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
    # botocore builds this text twice for each call, from thirty parts: an eighth of the call's time.
    agent = getattr(session.client("sagemaker-runtime", config=config).meta.config, "user_agent", None)
    config = config.merge(Config(user_agent=agent))
    runtime, s3 = session.client("sagemaker-runtime", config=config), session.client("s3", config=config)
    parse_listings_quickly(s3)
    s3.meta.events.register("before-parse.s3.GetObject", _drop_times)
    _ask_before_large_uploads_only(s3)
    return runtime, s3


def _drop_times(*, response_dict: dict[str, Any], **_: object) -> None:
    """Drops the time of an object, which the client takes from the listing: to parse it takes a tenth of the call."""
    response_dict["headers"].pop("last-modified", None)


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
