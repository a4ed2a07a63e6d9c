"""What confidence is worth: each returned field, whether it is right, and what follows for many of them.

A returned field is right if the receipt has the same value at the same place: an item that was skipped makes those
after it wrong, and a field that the receipt does not have is wrong. A field of the receipt that was not returned has no
confidence; such fields are counted apart, as missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, Sequence, Tuple

import numpy as np

if TYPE_CHECKING:
    from document_processor import PageResult

BINS = 15
Path = Tuple[Any, ...]


@dataclass(frozen=True)
class ReturnedField:
    """One field of a result.

    Attributes:
        kind: Its path without list indices, such as `items.price`.
        is_right: Whether the receipt has its value at its place.
        raw: The model's own probability; None if unknown.
        confidence: Calibrated; None if unknown, or without a calibration.
    """

    kind: str
    is_right: bool
    raw: float | None
    confidence: float | None


def returned_fields(result: PageResult, truth: dict[str, Any]) -> list[ReturnedField]:
    """Returns the fields of a page's result.

    Args:
        result: The page's.
        truth: The receipt's fields.
    """
    expected, raw, confidence = (dict(_leaves(each)) for each in (truth, result.raw_confidence, result.confidence))
    return [
        ReturnedField(
            ".".join(name for name in path if isinstance(name, str)),
            value == expected.get(path),
            raw.get(path),
            confidence.get(path),
        )
        for path, value in _leaves(result.prediction)
    ]


def missing_fields(result: PageResult, truth: dict[str, Any]) -> int:
    """Returns how many of a receipt's fields were not returned."""
    return len(dict(_leaves(truth)).keys() - dict(_leaves(result.prediction)).keys())


def bins(confidences: np.ndarray, right: np.ndarray, *, equal_mass: bool) -> list[tuple[float, float, int]]:
    """Returns the mean confidence, the share of right fields and the number of fields of each bin that has any.

    Args:
        confidences: 0 to 1.
        right: 1 for each right field, 0 for the others.
        equal_mass: `BINS` bins of as many fields each, by their confidence; otherwise `BINS` of equal width.
    """
    if equal_mass:
        groups = np.array_split(np.argsort(confidences, kind="stable"), BINS)
    else:
        places = np.minimum((confidences * BINS).astype(int), BINS - 1)
        groups = [np.nonzero(places == place)[0] for place in range(BINS)]
    return [(confidences[each].mean(), right[each].mean(), len(each)) for each in groups if len(each)]


def calibration_error(confidences: np.ndarray, right: np.ndarray, *, equal_mass: bool) -> float:
    """Returns the expected calibration error, 0 to 1: the mean gap of the `bins`, weighted by their fields.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), with bins of equal width.
    """
    found = bins(confidences, right, equal_mass=equal_mass)
    return sum(abs(mean - share) * count for mean, share, count in found) / len(confidences)


def accepted_at(fields: Sequence[ReturnedField], threshold: float) -> tuple[int, int]:
    """Returns how many fields have at least this confidence, and how many of those are wrong."""
    accepted = [each for each in fields if each.confidence is not None and each.confidence >= threshold]
    return len(accepted), sum(not each.is_right for each in accepted)


def figures(fields: Sequence[ReturnedField], threshold: float | None) -> dict[str, Any]:
    """Returns what the confidence of some fields is worth.

    Args:
        fields: Of any number of results.
        threshold: The model's `accept_threshold`; None if it has no calibration.

    Returns:
        `fields`, those `right`, those `without_confidence`; the expected calibration errors `raw_ece` and, if there is
        a calibration, `ece`, each with bins of equal width and of equal mass; `accepted` at the threshold, and
        `accepted_wrong` among them.
    """
    result: dict[str, Any] = {
        "fields": len(fields),
        "right": sum(each.is_right for each in fields),
        "without_confidence": sum(each.raw is None for each in fields),
        "raw_ece": _errors([(each.raw, each.is_right) for each in fields]),
    }
    if threshold is not None:
        result["ece"] = _errors([(each.confidence, each.is_right) for each in fields])
        result["accepted"], result["accepted_wrong"] = accepted_at(fields, threshold)
    return result


def _errors(pairs: Sequence[tuple[float | None, bool]]) -> dict[str, float]:
    known = [(confidence, is_right) for confidence, is_right in pairs if confidence is not None]
    if not known:
        return {}
    confidences, right = (np.array(column, dtype=float) for column in zip(*known))
    return {
        name: round(calibration_error(confidences, right, equal_mass=equal_mass), 4)
        for name, equal_mass in (("equal_width", False), ("equal_mass", True))
    }


def _leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(tree, dict):
        for name, inner in tree.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(tree, list):
        for index, inner in enumerate(tree):
            yield from _leaves(inner, (*path, index))
    elif tree is not None:
        yield path, tree
