"""What the sections share: the error that people see, values as TOML writes them, and types of fields."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from async_endpoint import protocol

# Keywords of a field's JSON schema, for people: what is allowed, where a pattern alone would not say it, and what
# the value governs. `Section` puts them into messages, `reference` into the docs.
ALLOWED = "x-allowed"
ADVICE = "x-advice"

_Item = TypeVar("_Item")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class SettingsError(ValueError):
    """A setting that cannot be used. The message is one sentence for the person who wrote the setting."""


def listing(values: Iterable[str]) -> str:
    """Joins values for a sentence: `a, b, c`."""
    return ", ".join(values)


def as_written(value: object) -> str:
    """Returns a value as TOML writes it on one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            pairs = listing(f"{_key_as_written(key)} = {as_written(each)}" for key, each in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case Sequence():
            return f"[{listing(map(as_written, value))}]"
    return str(value)


def _key_as_written(key: object) -> str:
    text = str(key)
    return text if _BARE_KEY.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def advice(text: str) -> dict[str, Any]:
    """Returns the JSON schema keyword that adds advice, in brackets, to what a message says is allowed."""
    return {ADVICE: text}


def allowed(text: str) -> dict[str, Any]:
    """Returns the JSON schema keyword that describes the allowed values in place of the constraints."""
    return {ALLOWED: text}


def matching(pattern: str, description: str) -> Any:
    """Returns the constraint of a text that matches a pattern as a whole; `description` puts the pattern into words."""
    return Field(pattern=f"^(?:{pattern})$", json_schema_extra=allowed(description))


class RepeatedItemError(ValueError):
    """A list that has an item twice; `item` is it."""

    def __init__(self, item: object) -> None:
        super().__init__("An item is in the list twice.")
        self.item = item


def _check_repetitions(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise RepeatedItemError(value)
    return values


ListOf = Annotated[
    tuple[_Item, ...],
    # TOML's arrays are lists, which strict validation does not take for tuples.
    Field(strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_check_repetitions),
]
"""A list without repetitions."""

Region = Annotated[str, matching(r"[a-z]{2}(-[a-z]+)+-[0-9]", "the name of a region, such as ap-northeast-1")]

# Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
S3_LOCATION_PATTERN = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\t-\r *?]*)?"
S3_LOCATION_WORDS = "the location of objects in S3, such as s3://bucket/prefix/"


def check_s3_location(value: str) -> str:
    """Rejects what the pattern cannot: a key that is too long. Raises `LocationError`, a ValueError."""
    protocol.S3Location.from_prefix_uri(value)
    return value


S3Location = Annotated[str, matching(S3_LOCATION_PATTERN, S3_LOCATION_WORDS), AfterValidator(check_s3_location)]


def _check_whole_number(value: object) -> object:
    """Rejects true and 1.0, which a Literal takes for 1."""
    if type(value) is not int:
        raise ValueError("The value is not a whole number.")
    return value


LogRetentionDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(_check_whole_number),
    Field(json_schema_extra=advice("the periods of CloudWatch Logs")),
]
