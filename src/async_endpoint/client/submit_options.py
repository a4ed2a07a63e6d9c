"""The options of a submission, as types that `submit` and `map` share."""

from __future__ import annotations

from typing import TypedDict


class MapOptions(TypedDict, total=False):
    """The options of `AsyncEndpoint.submit` that can be the same for many documents."""

    content_type: str | None
    accept: str | None
    ttl: int
    invocation_timeout: int
    custom_attributes: str | None
    output_path_extension: str | None
    inline: bool


class SubmitOptions(MapOptions, total=False):
    """The options of `AsyncEndpoint.submit`."""

    inference_id: str | None
    filename: str | None
