"""Images per second at concurrency 8, against one by one through the stock loop, both in TorchServe on one CPU."""

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from benchmarks.result import Result, progress
from benchmarks.serving import IN_SERVING, container, packed, run_in_serving, with_handler
from stacks.serving_limits import ServingLimits
from stacks.settings.serving import ServingSettings

GOAL = 2.5
IMAGES = 200
CONCURRENCY = 8
_ROUNDS = 4  # both ways take turns, so that other load of the machine affects both
_SECONDS = 300.0


def run() -> Result:
    """Processes 200 receipts both ways and compares the results."""
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = _images(folder)
        batched = packed()
        stock = with_handler(batched, IN_SERVING / "stock_inference.py", folder)
        variables = [ServingLimits(ServingSettings(batch_size=size)).environment for size in (1, CONCURRENCY)]
        progress(f"Starting two containers, {threads} threads each.")
        with (
            container(stock, folder / "stock", variables[0], threads) as one_by_one,
            container(batched, folder / "batched", variables[1], threads) as together,
        ):
            ways: dict[str, Callable[[list[bytes]], list[ContainerResponse]]] = {
                "stock": lambda some: [_send(one_by_one, image) for image in some],
                "batched": lambda some: _at_once(together, some),
            }
            seconds, results = _by_turns(ways, images)
    same = sum(
        _fields(stock) == _fields(batched) for stock, batched in zip(results["stock"], results["batched"], strict=True)
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
            "threads": threads,
            "images_by_size_of_their_batch": dict(sorted(sizes.items())),
        },
    )


def _images(folder: Path) -> list[bytes]:
    run_in_serving("draw_receipts.py", folder, IMAGES, threads=1)
    return [(folder / f"{index:03d}.jpg").read_bytes() for index in range(IMAGES)]


def _by_turns(
    ways: dict[str, Callable[[list[bytes]], list[ContainerResponse]]], images: list[bytes]
) -> tuple[dict[str, float], dict[str, list[ContainerResponse]]]:
    seconds = dict.fromkeys(ways, 0.0)
    results: dict[str, list[ContainerResponse]] = {name: [] for name in ways}
    for send in ways.values():
        send(images[: 2 * CONCURRENCY])  # the extra cost of first requests
    share = len(images) // _ROUNDS
    for turn in range(_ROUNDS):
        for name, send in ways.items():
            began = time.perf_counter()
            results[name] += send(images[turn * share : (turn + 1) * share])
            seconds[name] += time.perf_counter() - began
            progress(f"{name}: {len(results[name])} of {len(images)} in {seconds[name]:.1f} s")
    return seconds, results


def _at_once(instance: ModelContainer, images: list[bytes]) -> list[ContainerResponse]:
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return list(threads.map(lambda image: _send(instance, image), images))


def _send(instance: ModelContainer, image: bytes) -> ContainerResponse:
    result = instance.invoke(Invocation(image, content_type="application/x-image", timeout=_SECONDS))
    if result.status != HTTPStatus.OK:
        raise RuntimeError(f"An image got status {result.status}: {result.body[:300]!r}")
    return result


def _fields(result: ContainerResponse) -> Any:
    """The prediction; the stock one lacks the archive's list around a single item."""
    prediction = json.loads(result.body)["predictions"][0]
    items = prediction.get("items") if isinstance(prediction, dict) else None
    return prediction | {"items": [items]} if isinstance(items, dict) else prediction
