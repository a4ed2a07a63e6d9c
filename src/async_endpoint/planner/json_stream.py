"""A JSON document member by member: what is in memory is one value, and not the document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_CHARACTERS = 1 << 20
MOST_CHARACTERS = 8 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_OF_NUMBERS = "0123456789.eE+-"
_DECODER = json.JSONDecoder()


class TextSource(Protocol):
    """What is read from, such as a text file."""

    def read(self, size: int, /) -> str:
        """Returns at most so many characters; none at the end."""
        ...


class JsonStreamError(ValueError):
    """Text that is no JSON, or a value that is too large."""


class JsonStream:
    """Reads a document from its beginning, once.

    `members` yields the names of the object that comes next. After each name the caller takes its value, by `value`, by
    `members` or by `skip`.

    Args:
        file: Where the text is read from.
    """

    def __init__(self, file: TextSource) -> None:
        self._file = file
        self._text, self._at = "", 0

    def next_character(self) -> str:
        """Returns the character that the next value or sign begins with; "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def value(self) -> Any:
        """Returns the next value as a whole.

        Raises:
            JsonStreamError: It is no JSON, ends early, or has more than `MOST_CHARACTERS`.
        """
        self.next_character()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._read_on():
                    raise JsonStreamError(f"it is no JSON, or ends early: {_reason(error)}") from error
                continue
            size = end - self._at
            # The number 12 may be the beginning of 123, of 12.5, or of 12e-3.
            if not self._text[end : end + 3].strip(_OF_NUMBERS) and self._read_on():
                continue
            self._at += size
            return found

    def members(self) -> Iterator[str]:
        """Yields the names of the members of the object that comes next.

        Raises:
            JsonStreamError: There is no object, it is no JSON, or it ends early.
        """
        self._take("{")
        if self.next_character() == "}":
            self._at += 1
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise JsonStreamError(f"it is no JSON: {name!r} is where a name belongs")
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def skip(self) -> None:
        """Passes over the next value; only the members of an object's members are ever in memory."""
        if self.next_character() != "{":
            self.value()
            return
        for _ in self.members():
            if self.next_character() != "{":
                self.value()
                continue
            for _ in self.members():
                self.value()

    def _take(self, expected: str) -> str:
        found = self.next_character()
        if not found or found not in expected:
            raise JsonStreamError(
                f"it is no JSON: {found!r} is where one of {expected!r} belongs" if found else "it ends early"
            )
        self._at += 1
        return found

    def _read_on(self) -> bool:
        """Reads more text; returns whether there was any."""
        if len(self._text) - self._at > MOST_CHARACTERS:
            raise JsonStreamError(f"it is no JSON, or one value has more than {MOST_CHARACTERS:,} characters")
        chunk = self._file.read(_CHUNK_CHARACTERS)
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
