"""Measures how many receipts an archive reads exactly, through its own inference.py, and prints one line of JSON.

    python evaluate.py --documents 500 --first 0          drawn receipts, from number 0 of the evaluation seeds
    python evaluate.py --documents 500 --held-out-fonts   the same in two fonts that the model was never trained on
    python evaluate.py --receipts ../../samples/receipts  a folder of images and its answers.jsonl

`store`, `date`, `total`, `three` (those at once) and `items` (all of them, names and prices, in their order) are counts
of documents; `seconds` is the time that reading them took, loading the model aside. Run it in the serving environment:
its figures are those of the served model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import time
from typing import Any, Dict, Iterable, Iterator, Sequence, Tuple

from archive import MODEL_FOLDER
import inference
from receipts import LIST_FIELD, TEXT_FIELDS
from rendering import FONT_FILES, HELD_OUT_FONT_FILES, make_page

Document = Tuple[bytes, Dict[str, Any]]
ANY_IMAGE = "application/x-image"


def drawn_documents(first: int, count: int, fonts: Sequence[str]) -> Iterator[Document]:
    """Yields receipts of the evaluation seeds: the image file and the fields it shows."""
    for index in range(first, first + count):
        page = make_page("evaluation", index, fonts=tuple(fonts))
        yield page.jpeg, page.receipt.fields()


def stored_documents(folder: Path) -> Iterator[Document]:
    """Yields the receipts that a folder's answers.jsonl names."""
    for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        yield (folder / result.pop("file")).read_bytes(), result


def evaluate(archive: Path, documents: Iterable[Document]) -> dict[str, Any]:
    """Reads every document as the endpoint would and counts what was exact.

    Args:
        archive: Folder with the archive's `my_model/`.
        documents: Image files and their fields.

    Returns:
        `documents`, a count for each text field, `three`, `items` and `seconds`.
    """
    model = inference.model_fn(str(archive))
    counts = dict.fromkeys(["documents", *TEXT_FIELDS, "three", LIST_FIELD], 0)
    began = time.monotonic()
    for image, fields in documents:
        prediction = inference.predict_fn(inference.input_fn(image, ANY_IMAGE), model)
        body, _ = inference.output_fn(prediction, None)
        result = json.loads(body)["predictions"][0]
        # A result whose outermost tokens are a list's is wrong in every field.
        result = result if isinstance(result, dict) else {}
        right = {name: result.get(name) == fields[name] for name in TEXT_FIELDS}
        right.update(three=all(right.values()), items=result.get(LIST_FIELD) == fields[LIST_FIELD], documents=True)
        for name, is_right in right.items():
            counts[name] += is_right
    return {**counts, "seconds": round(time.monotonic() - began, 1)}


def main() -> None:
    """Evaluate what the command line names."""
    parser = argparse.ArgumentParser(description="Count the receipts that an archive reads exactly.")
    parser.add_argument("--archive", type=Path, default=MODEL_FOLDER.parent, help="folder that holds my_model/")
    parser.add_argument("--receipts", type=Path, help="folder of receipts with an answers.jsonl")
    parser.add_argument("--documents", type=int, default=500, help="how many to draw without --receipts")
    parser.add_argument("--first", type=int, default=0, help="number of the first one drawn")
    parser.add_argument("--held-out-fonts", action="store_true", help="draw in the fonts kept from training")
    options = parser.parse_args()
    fonts = HELD_OUT_FONT_FILES if options.held_out_fonts else FONT_FILES
    documents = (
        stored_documents(options.receipts)
        if options.receipts
        else drawn_documents(options.first, options.documents, fonts)
    )
    print(json.dumps(evaluate(options.archive, documents)))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
