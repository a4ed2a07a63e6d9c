"""Compares what two containers made of the same documents, and says whether that is the same. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from async_endpoint.counted import counted
from async_endpoint.operations.model.compare_results import Difference, Findings, Rules, compare_results
from async_endpoint.operations.model.model_error import raised_of, sentence_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS, CONTENT_TYPE, ERROR = "(status)", "(content type)", "(error)"


@dataclass(frozen=True)
class Outcome:
    """What a container made of one document.

    Attributes:
        status: The response's status; None if there was no response in time.
        content_type: The response's header of that name.
        body: The result, or the error.
        seconds: From the request to the response.
    """

    status: int | None
    content_type: str | None
    body: bytes
    seconds: float

    @property
    def is_result(self) -> bool:
        """Whether the document was processed."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_rejection(self) -> bool:
        """Whether the model said what is wrong with the document."""
        return self.status is not None and HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def label(self) -> str:
        """The status as text."""
        return "no response" if self.status is None else str(self.status)


class Verdict(StrEnum):
    """Whether two containers give the same results."""

    SAME = "the same"
    DIFFERENT = "different"
    UNDECIDED = "not decided"


@dataclass(frozen=True)
class Differing:
    """A difference, and the document that has it."""

    document: str
    difference: Difference


@dataclass
class Comparison:
    """What the comparison of all documents found, sent in one way.

    Attributes:
        documents: How many were sent.
        equal: How many have an equal result of both.
        rejected: How many both rejected (4xx), with the same words.
        failed: How many have no result of either, although neither rejected them.
        different: How many differ in status, content type or content.
        statuses_equal: How many have the same status.
        fields: As of `Findings`, for all of them.
        equal_fields: As of `Findings`.
        numbers: As of `Findings`.
        largest: As of `Findings`.
        largest_at: As of `Findings`.
        largest_in: The document with the largest difference between two numbers.
        differences: All differences, in the order of the documents.
        left_out: As of `Findings`.
        first_failure: The first of those that failed, as `DOCUMENT: REASON`; empty if none did.
    """

    documents: int = 0
    equal: int = 0
    rejected: int = 0
    failed: int = 0
    different: int = 0
    statuses_equal: int = 0
    fields: int = 0
    equal_fields: int = 0
    numbers: int = 0
    largest: float = 0.0
    largest_at: str = ""
    largest_in: str = ""
    differences: list[Differing] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    first_failure: str = ""

    def add(self, document: str, old: Outcome, new: Outcome, rules: Rules) -> None:
        """Compares one document's outcomes."""
        self.documents += 1
        self.statuses_equal += old.status == new.status
        differences = self._compared(document, old, new, rules)
        self.differences += (Differing(document, each) for each in differences)
        if differences:
            self.different += 1
        elif old.is_result:
            self.equal += 1
        elif old.is_rejection:
            self.rejected += 1
        else:
            self.failed += 1
            self.first_failure = self.first_failure or f"{document}: {old.label}: {_sentence(old)}"

    def _compared(self, document: str, old: Outcome, new: Outcome, rules: Rules) -> list[Difference]:
        if old.status != new.status:
            return [Difference(STATUS, _described(old), _described(new))]
        if not old.is_result:
            same = not old.is_rejection or _sentence(old) == _sentence(new)
            return [] if same else [Difference(ERROR, _sentence(old), _sentence(new))]
        found = compare_results(old.body, new.body, rules)
        self._count(document, found)
        types = [_essence(each.content_type) for each in (old, new)]
        if types[0] != types[1]:
            return [Difference(CONTENT_TYPE, *types), *found.differences]
        return found.differences

    def _count(self, document: str, found: Findings) -> None:
        self.fields += found.fields
        self.equal_fields += found.equal_fields
        self.numbers += found.numbers
        self.left_out += found.left_out
        if found.largest > self.largest:
            self.largest, self.largest_at, self.largest_in = found.largest, found.largest_at, document


def compare_outcomes(
    documents: Sequence[str], old: Sequence[Outcome], new: Sequence[Outcome], rules: Rules
) -> Comparison:
    """Returns what differs between two containers' outcomes of the same documents, in the same order."""
    comparison = Comparison()
    for document, one, other in zip(documents, old, new, strict=True):
        comparison.add(document, one, other, rules)
    return comparison


def verdict_of(comparisons: Mapping[str, Comparison], *, left_out: int) -> tuple[Verdict, list[str]]:
    """Returns the verdict on all ways of sending the documents, and why it is not decided.

    Args:
        comparisons: The comparison of each way.
        left_out: How many documents of the folder were not sent.
    """
    if any(each.different for each in comparisons.values()):
        return Verdict.DIFFERENT, []
    reasons = []
    for way, each in comparisons.items():
        if not each.equal:
            reasons.append(f"{way}, no document has a result of either image to compare")
        elif not each.fields + each.numbers:
            reasons.append(f"{way}, the results hold nothing to compare")
        if each.failed:
            reasons.append(
                f"{way}, {each.failed} of {each.documents} had no result of either image ({each.first_failure})"
            )
    if not comparisons:
        reasons.append("no document was sent")
    if left_out:
        reasons.append(f"{counted(left_out, 'document')} of the folder {'was' if left_out == 1 else 'were'} not sent")
    return (Verdict.UNDECIDED, reasons) if reasons else (Verdict.SAME, [])


def _described(outcome: Outcome) -> str:
    return outcome.label if outcome.is_result else f"{outcome.label}: {_sentence(outcome)}"


def _sentence(outcome: Outcome) -> str:
    """Returns an error without its traceback, whose paths and lines differ between Pythons."""
    words = sentence_of(outcome.body) if outcome.is_rejection else raised_of(outcome.body)
    return words or "the response is empty"


def _essence(content_type: str | None) -> Any:
    return content_type and content_type.replace(" ", "").lower()
