"""Turns the model's own probability of a field into a measured one, with the numbers in `my_model/calibration.json`.

`../training/calibrate.py` fits them on held-out receipts:

    {"weights": {"file": "model.pth", "sha256": "f99275ae..."},
     "task_prompt": "<s_receipt>",
     "fields": {"store": {"slope": 1.16, "offset": -0.72}, ..., "others": {"slope": 1.02, "offset": -0.67}},
     "accept_threshold": 0.95,
     "doubtful": {"below": 0.95, "ceiling": 0.27, "turn": true}}

A kind of field is its path without list indices, such as `items.price`. Its confidence is
sigmoid(slope * logit(raw) + offset), raw being the model's probability: Platt, "Probabilistic Outputs for Support
Vector Machines" (1999), on the logit. The slope is positive, so that the order within a kind stays. A page whose tokens
have a mean probability less than `below` is doubtful (orientation.py): none of its fields gets more than `ceiling`,
which is less than `accept_threshold`.

A model without this file has no calibrated confidence. The numbers hold only for the weights and the task prompt they
were fitted on: a file of other weights is rejected, and the results of other prompts have no calibrated confidence.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping

from model_folder import ModelFolderError

if TYPE_CHECKING:
    from pathlib import Path

    from result_tokens import Fields

CALIBRATION_FILE = "calibration.json"
OTHERS = "others"
# Raw confidences have four decimals: 0 and 1 mean less and more than half of the last one.
_LEAST_RAW = 0.00005
# No result is certain: the least and the most that four decimals can say short of it.
_LEAST = 0.0001
# Far beyond any fit: it keeps infinity, and integers that no float can hold, out.
_STEEPEST = 1000.0
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class FieldMap:
    """The map of one kind of field, monotone because `slope` is positive."""

    slope: float
    offset: float

    def confidence(self, raw: float) -> float:
        """Returns the calibrated confidence of a field, 0.0001 to 0.9999."""
        raw = min(max(raw, _LEAST_RAW), 1 - _LEAST_RAW)
        # Beyond 700, exp overflows; sigmoid has been 0 or 1 to four decimals since 10.
        exponent = min(max(self.slope * math.log(raw / (1 - raw)) + self.offset, -700.0), 700.0)
        return round(min(max(1 / (1 + math.exp(-exponent)), _LEAST), 1 - _LEAST), 4)


@dataclass(frozen=True)
class Calibration:
    """A model's calibration.

    Attributes:
        task_prompt: The prompt of the results that it holds for.
        fields: The map of each kind of field, `OTHERS` for the rest.
        accept_threshold: Fields of at least this confidence can be accepted without a look.
        doubtful_below: Mean probability of a page's tokens below which the page is doubtful.
        doubtful_ceiling: The most that a field of a doubtful page gets.
        turn: Whether doubtful pages are processed again upside down and sideways.
    """

    task_prompt: str
    fields: Mapping[str, FieldMap]
    accept_threshold: float
    doubtful_below: float
    doubtful_ceiling: float
    turn: bool

    def confidence_of(self, raw: Fields, certainty: float) -> Fields:
        """Returns the calibrated confidence of each field, in the shape of the raw ones.

        Args:
            raw: What `result_tokens.confidence_of` returned.
            certainty: The mean probability of the page's tokens.
        """
        ceiling = self.doubtful_ceiling if certainty < self.doubtful_below else 1.0
        return self._map(raw, "", ceiling)

    def _map(self, raw: Fields, kind: str, ceiling: float) -> Fields:
        if isinstance(raw, list):
            return [self._map(each, kind, ceiling) for each in raw]
        if isinstance(raw, dict):
            return {name: self._map(each, f"{kind}.{name}" if kind else name, ceiling) for name, each in raw.items()}
        return min(self.fields.get(kind, self.fields[OTHERS]).confidence(raw), ceiling)


def load_calibration(folder: Path, weights_file: str) -> Calibration | None:
    """Loads the calibration in a model's folder.

    Args:
        folder: The folder.
        weights_file: The name of the file in it that the model was loaded from.

    Returns:
        None if the folder has none.

    Raises:
        ModelFolderError: The file is invalid, or was fitted on other weights.
    """
    path = folder / CALIBRATION_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _invalid(f"is not JSON ({str(error)!a})") from None
    top = _object(content, "its content", "weights", "task_prompt", "fields", "accept_threshold", "doubtful")
    weights = _object(top["weights"], '"weights"', "file", "sha256")
    _check_weights(folder, weights_file, weights["file"], weights["sha256"])
    if not isinstance(top["task_prompt"], str):
        raise _invalid(f'has {_shown(top["task_prompt"])} as "task_prompt", which must be a text')
    doubtful = _object(top["doubtful"], '"doubtful"', "below", "ceiling", "turn")
    threshold = _number(top["accept_threshold"], '"accept_threshold"', 0.0, 1.0)
    ceiling = _number(doubtful["ceiling"], '"ceiling"', 0.0, 1.0)
    if ceiling >= threshold:
        raise _invalid(
            f'has a "ceiling" of {ceiling:g}, which must be less than its "accept_threshold" ({threshold:g})'
        )
    if not isinstance(doubtful["turn"], bool):
        raise _invalid(f'has {_shown(doubtful["turn"])} as "turn", which must be true or false')
    return Calibration(
        task_prompt=top["task_prompt"],
        fields=_maps(top["fields"]),
        accept_threshold=threshold,
        doubtful_below=_number(doubtful["below"], '"below"', 0.0, 1.0),
        doubtful_ceiling=ceiling,
        turn=doubtful["turn"],
    )


def weights_digest(path: Path) -> str:
    """Returns the SHA-256 of a file of weights, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        for block in iter(lambda: content.read(_READ_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()


def _check_weights(folder: Path, loaded: str, name: Any, expected: Any) -> None:
    if name != loaded:
        raise _invalid(f"is for the weights {_shown(name)}, and the model was loaded from {loaded}")
    found = weights_digest(folder / loaded)
    if found != expected:
        raise _invalid(f"is for other weights: the SHA-256 of {name} is {found[:16]}, not {_shown(expected)[:18]}")


def _maps(content: Any) -> dict[str, FieldMap]:
    if not isinstance(content, dict) or OTHERS not in content:
        raise _invalid(f'has no "{OTHERS}" in its "fields", which must be an object')
    maps = {}
    for kind, numbers in content.items():
        where = f"the field {_shown(kind)}"
        entry = _object(numbers, where, "slope", "offset")
        slope = _number(entry["slope"], f'"slope" of {where}', -_STEEPEST, _STEEPEST)
        if slope <= 0:
            raise _invalid(f'has {slope:g} as the "slope" of {where}, which must be more than 0')
        maps[kind] = FieldMap(slope, _number(entry["offset"], f'"offset" of {where}', -_STEEPEST, _STEEPEST))
    return maps


def _object(value: Any, where: str, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise _invalid(f"must have an object of {', '.join(names)} as {where}")
    return value


def _number(value: Any, where: str, least: float, most: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Not-a-number is within no bounds.
    if not is_number or not least <= value <= most:
        raise _invalid(f"has {_shown(value)} as {where}, which must be a number from {least:g} to {most:g}")
    return float(value)


def _shown(value: Any) -> str:
    return ascii(value)[:60]


def _invalid(fault: str) -> ModelFolderError:
    return ModelFolderError(
        f"my_model/{CALIBRATION_FILE} {fault}: write it again with training/calibrate.py, or delete it to serve "
        "without calibrated confidence."
    )
