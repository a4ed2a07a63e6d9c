"""Rules for single settings.

A field of a section (`stacks/sections/`) carries its rule in its annotation::

    workers: Annotated[int, WholeNumber(1, 64)] = 1

so that no section can be constructed with a value out of range, whether it is read from a file or made in a test.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256


class SettingsError(ValueError):
    """A setting that cannot be used. Its message is one sentence for the person who wrote the setting."""


class Rule(Protocol):
    """What a setting must satisfy."""

    def problem(self, value: object) -> str | None:
        """What is wrong with a value, as the end of a sentence ("it must be …"), or None."""


@dataclass(frozen=True)
class WholeNumber:
    """A whole number from `low` to `high`, both included. `advice` says what the figure governs."""

    low: int
    high: int
    advice: str = ""

    def problem(self, value: object) -> str | None:
        """Refuses everything but an int in range; True and False are no numbers here."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return None
        return _with_advice(f"it must be a whole number from {self.low} to {self.high}", self.advice)


@dataclass(frozen=True)
class OneOf:
    """One of a fixed set of values."""

    allowed: tuple[str | int | bool, ...]
    advice: str = ""

    def problem(self, value: object) -> str | None:
        """Refuses a value that equals an allowed one but is of another type, as True and 1."""
        if any(value == allowed and type(value) is type(allowed) for allowed in self.allowed):
            return None
        return _with_advice(f"it must be one of {listing(map(as_written, self.allowed))}", self.advice)


@dataclass(frozen=True)
class Text:
    """A text that matches `pattern` as a whole; `form` describes the pattern to a person."""

    pattern: str
    form: str

    def problem(self, value: object) -> str | None:
        """Refuses what is no text or does not match."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            return None
        return f"it must be {self.form}"


@dataclass(frozen=True)
class ListOf:
    """A list without repetitions, each item of which satisfies `item`, of at most `most`."""

    item: Rule
    most: int

    def problem(self, value: object) -> str | None:
        """Refuses what is no list, is too long, or holds something wrong or twice."""
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > self.most:
            return f"it must be a list of at most {self.most}"
        for index, each in enumerate(value):
            if problem := self.item.problem(each):
                return f"of item {index + 1}, {as_written(each)}, {problem}"
            if each in value[:index]:
                return f"{as_written(each)} stands in it twice"
        return None


@dataclass(frozen=True)
class Texts:
    """A table of texts whose names match `pattern`; `form` describes the pattern to a person."""

    pattern: str
    form: str

    def problem(self, value: object) -> str | None:
        """Refuses names that do not match and values that are no text."""
        if isinstance(value, Mapping) and all(
            re.fullmatch(self.pattern, str(key), re.ASCII) and isinstance(text, str) for key, text in value.items()
        ):
            return None
        return f"it must be a table of texts in quotes, each name {self.form}"


@dataclass(frozen=True)
class Tags:
    """A table of tags, as CloudFormation takes them."""

    def problem(self, value: object) -> str | None:
        """Refuses keys and values that are no text, too long, or reserved."""
        if isinstance(value, Mapping) and all(_is_tag(key, text) for key, text in value.items()):
            return None
        return "it must be a table of texts: keys of 1 to 128 characters not beginning with aws:, values of up to 256"


# Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
S3_LOCATION = Text(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s*?]*)?", "the location of objects in S3, as s3://bucket/prefix/"
)
YES_OR_NO = OneOf((True, False))
LOG_RETENTION = OneOf(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
    "the periods that CloudWatch Logs knows",
)


def listing(values: Iterable[str]) -> str:
    """Joins values for a sentence: `a, b, c`."""
    return ", ".join(values)


def _is_tag(key: object, text: object) -> bool:
    return (
        isinstance(key, str)
        and isinstance(text, str)
        and 1 <= len(key) <= _MAX_TAG_KEY
        and len(text) <= _MAX_TAG_VALUE
        and not key.lower().startswith("aws:")
    )


def as_written(value: object) -> str:
    """A value as TOML writes it, near enough for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{listing(map(as_written, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _with_advice(rule: str, advice: str) -> str:
    return f"{rule} ({advice})" if advice else rule
