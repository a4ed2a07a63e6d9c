"""Images a second as a stage's instance is asked for them, against one by one through the stock loop, on one CPU."""

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from async_endpoint.emulator.containers.invocation import ContainerResponse
from benchmarks.receipts import Ways, by_turns, draw_receipts, send, send_at_once
from benchmarks.result import Result, progress
from benchmarks.serving import ARTIFACTS, IN_SERVING, container, packed, run_in_serving, with_handler
from stacks.serving_limits import ServingLimits
from stacks.settings.serving import ServingSettings

GOAL = 6.0
IMAGES = 200
BATCH = 16


def run() -> Result:
    """Processes 200 receipts both ways and compares the results."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = draw_receipts(folder, IMAGES)
        batched = packed()
        stock = with_handler(batched, IN_SERVING / "stock_inference.py", folder)
        limits = ServingLimits(ServingSettings(workers=cores, batch_size=BATCH))
        one = ServingLimits(ServingSettings(batch_size=1)).environment
        progress(f"Starting two containers: one worker with {cores} threads, and {cores} workers with one.")
        with (
            container(stock, folder / "stock", one, cores) as one_by_one,
            container(batched, folder / "batched", limits.environment, 1) as together,
        ):
            ways: Ways = {
                "stock": lambda some: [send(one_by_one, image) for image in some],
                "batched": lambda some: send_at_once(together, some, limits.concurrent_invocations),
            }
            seconds, results = by_turns(ways, images)
        same = sum(
            _fields(stock) == _fields(batched)
            for stock, batched in zip(results["stock"], results["batched"], strict=True)
        )
        sizes = Counter(json.loads(result.body)["pages"][0]["read_together"] for result in results["batched"])
        return Result(
            ratio=seconds["stock"] / seconds["batched"],
            goal=GOAL,
            conditions={"same_predictions": same == IMAGES},
            figures={
                "images": IMAGES,
                "stock_images_a_second": round(IMAGES / seconds["stock"], 1),
                "batched_images_a_second": round(IMAGES / seconds["batched"], 1),
                "cores": cores,
                **_roofline(folder, cores),
                "images_by_size_of_their_batch": dict(sorted(sizes.items())),
            },
        )


def _roofline(folder: Path, cores: int) -> dict[str, float]:
    """Returns what the cores could do if a page were its products of matrices alone."""
    found = json.loads(run_in_serving("roofline.py", ARTIFACTS / "my_model", folder, threads=1))
    return {
        "megaflops_an_image": round(found["flops_a_page"] / 1e6),
        "gigaflops_a_second_and_core": round(found["flops_a_second"] / 1e9),
        "roofline_images_a_second": round(cores * found["flops_a_second"] / found["flops_a_page"]),
    }


def _fields(result: ContainerResponse) -> Any:
    """The prediction; the stock one lacks the archive's list around a single item."""
    prediction = json.loads(result.body)["predictions"][0]
    items = prediction.get("items") if isinstance(prediction, dict) else None
    return prediction | {"items": [items]} if isinstance(items, dict) else prediction
