"""What a diagnosis finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters."""

    FAULT = "fault"
    """Something is wrong, and somebody has to act."""
    NORMAL = "normal"
    """It explains what is seen, and is as it should be."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A cause, with what shows it and what mends it.

    Attributes:
        cause: Its name, in lower case with hyphens; scripts may rely on it.
        text: The cause, as a sentence.
        evidence: What was read, as sentences.
        fix: The command that mends it, or a sentence; None if there is nothing to do.
        runbook: The heading of docs/operations.md that continues; None for none.
        severity: How much it matters.
    """

    cause: str
    text: str
    evidence: tuple[str, ...] = ()
    fix: str | None = None
    runbook: str | None = None
    severity: Severity = Severity.FAULT

    def to_json(self) -> dict[str, Any]:
        """Returns its attributes for JSON."""
        return {**vars(self), "severity": self.severity.value, "evidence": list(self.evidence)}


def normal(cause: str, text: str, *evidence: str, fix: str | None = None) -> Finding:
    """Returns a finding that explains what is seen, and is no fault."""
    return Finding(cause=cause, text=text, evidence=evidence, fix=fix, severity=Severity.NORMAL)
