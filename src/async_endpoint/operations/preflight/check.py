"""The result of a check, and what becomes of a check whose question AWS did not answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

AWS_ERRORS = (BotoCoreError, ClientError)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})


class Status(StrEnum):
    """How a check ended; only an error stops a deploy."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One line of the result.

    Attributes:
        name: What was checked, in a word or two.
        status: How it ended.
        message: What was found, as a sentence.
        fix: What mends it, a command where there is one; None for what needs no mending.
    """

    name: str
    status: Status
    message: str
    fix: str | None = None


def code_of(error: Exception) -> str:
    """AWS's name for an error; empty for one that did not come from AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_denied(error: Exception) -> bool:
    """Whether AWS answered that the caller may not ask."""
    return code_of(error) in _DENIED


def guarded(name: str, action: str, check: Callable[[], Check]) -> Check:
    """Run a check; a question that AWS did not answer is a warning, because it says nothing about the deploy.

    Args:
        name: The check's name.
        action: The IAM action that the question needs, for the sentence.
        check: Asks and decides.
    """
    try:
        return check()
    except AWS_ERRORS as error:
        return unanswered(name, action, error)


def unanswered(name: str, action: str, error: Exception) -> Check:
    """The warning for a question that AWS did not answer."""
    if is_denied(error):
        return Check(
            name,
            Status.WARNING,
            "The caller may not ask, so this was not checked.",
            f"Allow {action} to the caller.",
        )
    return Check(
        name, Status.WARNING, f"AWS did not answer, so this was not checked: {_one_line(error)}", "Run preflight again."
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
