"""Measures how many receipts an archive reads exactly, through its own inference.py, and prints one line of JSON.

    python evaluate.py --documents 500 --first 0          drawn receipts, from number 0 of the evaluation seeds
    python evaluate.py --receipts ../../samples/receipts  a folder of images and its answers.jsonl

`store`, `date`, `total` and `all` (the three at once) are counts of documents; `seconds` is the time that reading
them took, loading the model aside. Run it in the serving environment: its figures are those of the served model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import time
from typing import Any, Dict, Iterable, Iterator, Tuple

from archive import MODEL_FOLDER
import inference
from receipts import FIELDS
from rendering import make_page

Document = Tuple[bytes, Dict[str, str]]


def drawn_documents(first: int, count: int) -> Iterator[Document]:
    """Yield receipts of the evaluation seeds: the image file and the fields it shows."""
    for index in range(first, first + count):
        page = make_page("evaluation", index)
        yield page.png_bytes(), page.receipt.fields()


def stored_documents(folder: Path) -> Iterator[Document]:
    """Yield the receipts that a folder's answers.jsonl names."""
    for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        yield (folder / answer["file"]).read_bytes(), {name: answer[name] for name in FIELDS}


def evaluate(archive: Path, documents: Iterable[Document]) -> dict[str, Any]:
    """Read every document as the endpoint would and count what was exact.

    Args:
        archive: Folder with the archive's `my_model/`.
        documents: Image files and their fields.

    Returns:
        `documents`, a count for each field, `all` and `seconds`.
    """
    model = inference.model_fn(str(archive))
    counts = dict.fromkeys(["documents", *FIELDS, "all"], 0)
    began = time.monotonic()
    for image, fields in documents:
        prediction = inference.predict_fn(inference.input_fn(image, "image/png"), model)
        body, _ = inference.output_fn(prediction, inference.JSON_TYPE)
        answer = json.loads(body)["predictions"][0]
        right = {name: answer.get(name) == text for name, text in fields.items()}
        counts["documents"] += 1
        counts["all"] += all(right.values())
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
    options = parser.parse_args()
    documents = (
        stored_documents(options.receipts) if options.receipts else drawn_documents(options.first, options.documents)
    )
    print(json.dumps(evaluate(options.archive, documents)))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
