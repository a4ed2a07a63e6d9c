"""Measures how many receipts an archive reads exactly and what its confidence is worth; prints one line of JSON.

    python evaluate.py --documents 500 --first 0          drawn receipts, from number 0 of the evaluation seeds
    python evaluate.py --documents 500 --held-out-fonts   the same in two fonts that the model was never trained on
    python evaluate.py --receipts ../../samples/receipts  a folder of images and its answers.jsonl
    python evaluate.py --damage mixed --turn 180          degraded as by degradations.py, and upside down

`store`, `date`, `total`, `three` (those at once) and `items` (all of them, names and prices, in their order) are counts
of documents; `confidence` is what reliability.py says of the fields, with those `missing`; `turned` counts the pages
that gave their result in another orientation, `extra_passes` the times that a page went through the network again;
`seconds` is the time that reading them took, loading the model aside. Run it in the serving environment: its figures
are those of the served model.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
import json
from pathlib import Path
import time
from typing import Any, Iterable

from archive import MODEL_FOLDER
from calibration import load_calibration
from cpu_tuning import tune_cpu
from document_processor import DocumentProcessor
from donut_loading import load_model
from reading import DAMAGES, Document, drawn_documents, results, stored_documents
from receipts import LIST_FIELD, TEXT_FIELDS
from reliability import ReturnedField, figures, missing_fields, returned_fields
from started_renderer import renderer


def evaluate(
    archive: Path, documents: Iterable[Document], *, is_turning: bool = True
) -> tuple[dict[str, Any], list[ReturnedField]]:
    """Reads every document as the endpoint would, and counts.

    Args:
        archive: Folder with the archive's `my_model/`.
        documents: Image files and their fields.
        is_turning: False leaves doubtful pages as they are.

    Returns:
        The counts that the module's docstring names, and every returned field.
    """
    folder = archive / MODEL_FOLDER.name
    tune_cpu()
    model = load_model(folder)
    calibration = load_calibration(folder, model.config.weights_file)
    if calibration is not None and not is_turning:
        calibration = replace(calibration, turn=False)
    processor = DocumentProcessor(model, renderer, calibration)
    counts = dict.fromkeys(["documents", *TEXT_FIELDS, "three", LIST_FIELD, "turned", "extra_passes", "missing"], 0)
    fields: list[ReturnedField] = []
    began = time.monotonic()
    for page, truth in results(processor, documents):
        # A result whose outermost tokens are a list's is wrong in every field.
        found = page.prediction if isinstance(page.prediction, dict) else {}
        right = {name: found.get(name) == truth[name] for name in TEXT_FIELDS}
        right.update(three=all(right.values()), items=found.get(LIST_FIELD) == truth[LIST_FIELD], documents=True)
        for name, is_right in right.items():
            counts[name] += is_right
        counts["turned"] += page.turned != 0
        counts["extra_passes"] += page.passes - 1
        counts["missing"] += missing_fields(page, truth)
        fields += returned_fields(page, truth)
    seconds = round(time.monotonic() - began, 1)
    confidence = figures(fields, None if calibration is None else calibration.accept_threshold)
    confidence["missing"] = counts.pop("missing")
    return {**counts, "confidence": confidence, "seconds": seconds}, fields


def main() -> None:
    """Evaluate what the command line names."""
    parser = argparse.ArgumentParser(description="Count the receipts that an archive reads exactly.")
    parser.add_argument("--archive", type=Path, default=MODEL_FOLDER.parent, help="folder that holds my_model/")
    parser.add_argument("--receipts", type=Path, help="folder of receipts with an answers.jsonl")
    parser.add_argument("--documents", type=int, default=500, help="how many to draw without --receipts")
    parser.add_argument("--first", type=int, default=0, help="number of the first one drawn")
    parser.add_argument("--held-out-fonts", action="store_true", help="draw in the fonts kept from training")
    parser.add_argument("--damage", choices=DAMAGES, default="none", help="degrade what is drawn")
    parser.add_argument("--turn", type=int, choices=(0, 90, 180, 270), default=0, help="turn the pictures clockwise")
    parser.add_argument("--leave-turned", action="store_true", help="do not process doubtful pages again")
    parser.add_argument("--fields", type=Path, help="file to write every returned field to, as JSON Lines")
    options = parser.parse_args()
    documents = (
        stored_documents(options.receipts, turn=options.turn)
        if options.receipts
        else drawn_documents(
            "evaluation",
            range(options.first, options.first + options.documents),
            damage=options.damage,
            turn=options.turn,
            held_out_fonts=options.held_out_fonts,
        )
    )
    counts, fields = evaluate(options.archive, documents, is_turning=not options.leave_turned)
    if options.fields:
        lines = "".join(json.dumps(asdict(each)) + "\n" for each in fields)
        options.fields.write_text(lines, encoding="utf-8")
    print(json.dumps(counts))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
