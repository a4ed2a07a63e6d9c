"""Draws receipts of the evaluation seeds into a folder: `draw_receipts.py FOLDER COUNT`."""

from pathlib import Path
import sys

from rendering import make_page

for index in range(int(sys.argv[2])):
    (Path(sys.argv[1]) / f"{index:03d}.jpg").write_bytes(make_page("evaluation", index).jpeg)
