"""Draws samples/receipts/: 100 receipts of the samples' seeds, `receipt-000.jpg` on, and `answers.jsonl`.

Run again with Pillow 10 or later it writes the same bytes. Its receipts are held out: no store on them occurs in
training.
"""

import argparse
import json
from pathlib import Path

from archive import TRAINING_FOLDER
from rendering import make_page

SAMPLES_FOLDER = TRAINING_FOLDER.parents[1] / "samples" / "receipts"
SAMPLES = 100


def write_samples(folder: Path) -> None:
    """Writes the images and their ground truth into a folder, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    truths = []
    for index in range(SAMPLES):
        page = make_page("samples", index)
        name = f"receipt-{index:03d}.jpg"
        (folder / name).write_bytes(page.jpeg)
        truths.append(json.dumps({"file": name, **page.receipt.fields()}))
    (folder / "answers.jsonl").write_text("\n".join(truths) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the sample receipts.")
    parser.add_argument("--folder", type=Path, default=SAMPLES_FOLDER)
    write_samples(parser.parse_args().folder)
