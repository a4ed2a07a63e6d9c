"""The error that a model raised, from the text that the toolkit responds with."""

from __future__ import annotations

import re

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):$", re.MULTILINE)


def sentence_of(body: bytes) -> str:
    """Returns the message of an error, without the traceback."""
    message, _ = _parts(body)
    return message.strip()


def raised_of(body: bytes) -> str:
    """Returns the exception as `Type: first line of its message`; of a text without a traceback, all of it."""
    message, trace = _parts(body)
    if not trace:
        return message.strip()
    if trace.endswith(f"{message}\n"):
        kind = trace.removesuffix(f"{message}\n").rpartition("\n")[2]
        return f"{kind}{message.strip()}".strip().partition("\n")[0]
    *_, last = _TRACEBACK.split(trace)
    return next((line for line in last.splitlines() if line and not line.startswith(" ")), message.strip())


def traceback_of(body: bytes) -> list[str]:
    """Returns the lines of the traceback, the exception and its message last; none if there is no traceback."""
    return _parts(body)[1].splitlines()


def _parts(body: bytes) -> tuple[str, str]:
    r"""Returns message and traceback; the latter is empty if there is none.

    The text is `{message}\n{traceback}`, and the traceback ends with the message again (sagemaker-inference 1.8.1,
    transformer.py), except for some types, such as SyntaxError; a message may quote a traceback, too.
    """
    text = body.decode("utf-8", "replace")
    places = [match.start() for match in _TRACEBACK.finditer(text) if match.start()]
    parts = [(text[: place - 1], text[place:]) for place in places]
    whole = [(message, trace) for message, trace in parts if trace.endswith(f"{message}\n")]
    return [*whole, *parts, (text, "")][0]
