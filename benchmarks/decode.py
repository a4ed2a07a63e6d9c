"""The lean decoder against the stock `DonutModel.inference`, one image at a time, in the serving environment."""

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.result import Result, progress
from benchmarks.serving import ARTIFACTS, run_in_serving

GOAL = 1.5
PAGES = 200
# A Donut of stock widths at its fewest layers, with random weights: it never ends a result by itself.
STOCK_PAGES, STOCK_TOKENS = 6, 64


def run() -> Result:
    """Processes 200 receipts both ways, in turns, and some with a network of stock widths."""
    progress(f"Processing {PAGES} receipts both ways, on one thread.")
    small = _measured(ARTIFACTS / "my_model", PAGES)
    with tempfile.TemporaryDirectory() as folder:
        progress("Making a Donut of stock widths, and processing receipts with it.")
        run_in_serving("make_large_donut.py", folder, threads=1)
        large = _measured(Path(folder), STOCK_PAGES, STOCK_TOKENS)
    return Result(
        ratio=small["stock_seconds"] / small["lean_seconds"],
        goal=GOAL,
        conditions={"same_tokens": small["same_tokens"] == PAGES, "same_fields": small["same_fields"] == PAGES},
        figures={
            "stock_ms_an_image": _milliseconds(small, "stock_seconds"),
            "lean_ms_an_image": _milliseconds(small, "lean_seconds"),
            "tokens_a_page": small["tokens_a_page"],
            "large_parameters": large["parameters"],
            "large_ratio": round(large["stock_seconds"] / large["lean_seconds"], 3),
            "large_same_tokens": f"{large['same_tokens']} of {large['pages']}",
            "large_stock_ms_an_image": _milliseconds(large, "stock_seconds"),
            "large_lean_ms_an_image": _milliseconds(large, "lean_seconds"),
            "large_tokens_a_page": large["tokens_a_page"],
        },
    )


def _measured(model: Path, *arguments: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_in_serving("decode_pages.py", model, *arguments, threads=1))
    return found


def _milliseconds(found: dict[str, Any], name: str) -> float:
    return round(1000 * float(found[name]) / int(found["pages"]), 1)
