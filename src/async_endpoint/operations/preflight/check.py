"""The result of a check, and the warning for a check whose request to AWS failed."""

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
    """The outcome of a check; only an error stops a deploy."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked, in a word or two.
        status: The outcome.
        message: What was found, as a sentence.
        fix: What to do, a command if possible; None if there is nothing to do.
    """

    name: str
    status: Status
    message: str
    fix: str | None = None


def code_of(error: Exception) -> str:
    """Returns AWS's code of an error; empty if the error is not from AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_denied(error: Exception) -> bool:
    """Returns whether AWS rejected the request because the caller lacks a permission."""
    return code_of(error) in _DENIED


def run_check(name: str, action: str, check: Callable[[], Check]) -> Check:
    """Runs a check; a request that fails is a warning, because it says nothing about the deploy.

    Args:
        name: The check's name.
        action: The IAM action that the request needs, for the message.
        check: Sends the request and returns the check.
    """
    try:
        return check()
    except AWS_ERRORS as error:
        return unchecked(name, action, error)


def unchecked(name: str, action: str, error: Exception) -> Check:
    """Returns the warning for a check whose request to AWS failed."""
    if is_denied(error):
        return Check(
            name,
            Status.WARNING,
            "The caller lacks a permission, so this was not checked.",
            f"Grant {action} to the caller.",
        )
    return Check(
        name,
        Status.WARNING,
        f"The request to AWS failed, so this was not checked: {one_line(error)}",
        "Run preflight again.",
    )


def one_line(error: Exception) -> str:
    """Returns the message of an error as one line."""
    return " ".join(str(error).split())
