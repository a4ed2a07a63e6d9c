"""Fits a model's calibration on the degraded receipts of the calibration seeds and writes `my_model/calibration.json`.

    python calibrate.py

Run it in the serving environment, whose probabilities it is for, and again whenever the weights change. The same
weights and receipts give the same numbers. Prints them; `evaluate.py` says what they are worth on other receipts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from scipy.optimize import minimize

from archive import MODEL_FOLDER
from calibration import CALIBRATION_FILE, OTHERS, FieldMap, load_calibration, weights_digest
from cpu_tuning import tune_cpu
from document_processor import DocumentProcessor, PageResult
from donut_loading import load_model
from reading import drawn_documents, results
from reliability import ReturnedField, returned_fields
from started_renderer import renderer

DOCUMENTS = 4000
# The share of upright degraded pages that is doubtful. More catches more of those upside down and costs more passes.
DOUBTFUL_SHARE = 0.04
# The share of wrong fields among the accepted ones, under the 1 % that is promised for other receipts.
ACCEPTED_WRONG = 0.008
# Fields of a kind that its own map needs; a kind with fewer has the map of all the others.
FEWEST_FIELDS = 200


def fit_map(raw: Sequence[float], right: Sequence[bool]) -> FieldMap:
    """Returns the map that makes the right fields most likely (Platt scaling of the logit).

    Args:
        raw: The model's probabilities of some fields.
        right: Which of them are right.

    Raises:
        ValueError: The right fields do not have the higher probabilities: no map that keeps the order fits.
    """
    half_of_last_decimal = 0.00005
    clipped = np.clip(np.asarray(raw, dtype=float), half_of_last_decimal, 1 - half_of_last_decimal)
    logits = np.log(clipped / (1 - clipped))
    signs = np.where(np.asarray(right), 1.0, -1.0)

    def loss(numbers: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (numbers[0] * logits + numbers[1])).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    if slope <= 0:
        raise ValueError(f"the slope is {slope:.3f}: the probabilities do not order the fields")
    return FieldMap(round(float(slope), 3), round(float(offset), 3))


def threshold_for(confidences: Sequence[float], right: Sequence[bool], wrong_share: float) -> float:
    """Returns the lowest confidence from which at most this share of the fields is wrong.

    Raises:
        ValueError: There is no such confidence.
    """
    values, rights = np.asarray(confidences), np.asarray(right)
    order = np.argsort(-values, kind="stable")
    share = np.cumsum(~rights[order]) / np.arange(1, len(order) + 1)
    # A threshold accepts all fields of one confidence or none.
    is_last = np.append(values[order][1:] < values[order][:-1], True)
    fitting = np.nonzero(is_last & (share <= wrong_share))[0]
    if not len(fitting):
        raise ValueError(f"no threshold accepts fields with at most {wrong_share:.1%} of them wrong")
    return float(values[order][fitting[-1]])


def fit(pages: Sequence[PageResult], fields: Sequence[Sequence[ReturnedField]]) -> dict[str, Any]:
    """Returns what calibration.json holds beside the weights and the prompt.

    Args:
        pages: Results without calibration.
        fields: Those of each page.
    """
    below = round(float(np.quantile([page.certainty for page in pages], DOUBTFUL_SHARE)), 4)
    sure = [
        each for page, mine in zip(pages, fields) if page.certainty >= below for each in mine if each.raw is not None
    ]
    doubtful = [each for page, mine in zip(pages, fields) if page.certainty < below for each in mine]
    maps = {OTHERS: fit_map([each.raw for each in sure], [each.is_right for each in sure])}
    for kind in sorted({each.kind for each in sure}):
        mine = [each for each in sure if each.kind == kind]
        if len(mine) >= FEWEST_FIELDS:
            maps[kind] = fit_map([each.raw for each in mine], [each.is_right for each in mine])
    confidences = [maps.get(each.kind, maps[OTHERS]).confidence(each.raw) for each in sure]
    return {
        "fields": {kind: {"slope": found.slope, "offset": found.offset} for kind, found in sorted(maps.items())},
        "accept_threshold": threshold_for(confidences, [each.is_right for each in sure], ACCEPTED_WRONG),
        "doubtful": {
            "below": below,
            "ceiling": round(sum(each.is_right for each in doubtful) / max(1, len(doubtful)), 4),
            "turn": True,
        },
    }


def calibrate(folder: Path, documents: int) -> dict[str, Any]:
    """Writes a model's calibration.

    Args:
        folder: The model's.
        documents: How many receipts to fit on.

    Returns:
        What the file holds.
    """
    tune_cpu()
    model = load_model(folder)
    pages, fields = [], []
    for page, truth in results(
        DocumentProcessor(model, renderer), drawn_documents("calibration", range(documents), damage="mixed")
    ):
        pages.append(page)
        fields.append(returned_fields(page, truth))
    weights = model.config.weights_file
    content = {
        "weights": {"file": weights, "sha256": weights_digest(folder / weights)},
        "task_prompt": model.config.task_prompt,
        **fit(pages, fields),
    }
    (folder / CALIBRATION_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    load_calibration(folder, weights)
    return content


def main() -> None:
    """Calibrate the model of the command line."""
    parser = argparse.ArgumentParser(description="Fit the calibration of a model that reads receipts.")
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER, help="model folder")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="receipts to fit on")
    options = parser.parse_args()
    print(json.dumps(calibrate(options.folder, options.documents)))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
