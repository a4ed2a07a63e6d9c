"""Ids of requests and names of results that ascend with time, as UUIDs of version 7 do.

S3 lists a folder in the order of its keys. Names that ascend are beside each other: a listing that begins at the
oldest awaited one skips all results of earlier months, and has little but what is awaited. SageMaker's own names are
random, so the awaited ones are spread over the whole folder.
"""

from __future__ import annotations

import secrets
import time

_FILENAME_DIGITS = 28  # with ".out" 32 characters, the most that SageMaker takes


def new_inference_id() -> str:
    """Returns a new id, 32 hexadecimal digits: the milliseconds of the time, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def result_stem(inference_id: str) -> str:
    """Returns the name of the result's object, without its suffix."""
    return inference_id[:_FILENAME_DIGITS]


def result_filename(inference_id: str) -> str:
    """Returns the name of the result's object."""
    return f"{result_stem(inference_id)}.out"
