"""Images a second through each newer serving image, against the default one: the same model, the same limits."""

import os
import tempfile
from functools import partial
from pathlib import Path

from async_endpoint.emulator.containers.invocation import ContainerResponse
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.operations.model.compare_results import Rules, compare_results
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from benchmarks.receipts import Ways, by_turns, draw_receipts, send, send_at_once
from benchmarks.result import Result, progress
from benchmarks.serving import container, packed
from stacks.serving_limits import ServingLimits
from stacks.settings.serving import ServingSettings

GOAL = 1.0
RECEIPTS = 2000
BATCH = 8


def run() -> Result:
    """Sends 2,000 receipts to each newer image and to the default one in turns, and compares the results."""
    ratios: dict[str, float] = {}
    conditions: dict[str, bool] = {}
    figures: dict[str, object] = {"receipts": RECEIPTS, "cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as place:
        receipts = draw_receipts(Path(place), RECEIPTS)
        for image in IMAGES.values():
            if image.name != DEFAULT_IMAGE:
                ratios[image.name] = _compare(image.name, receipts, Path(place, image.name), conditions, figures)
    return Result(
        ratio=min(ratios.values()),
        goal=GOAL,
        conditions=conditions,
        figures=figures | {f"ratio of {name}": round(ratio, 3) for name, ratio in ratios.items()},
    )


def _compare(
    newer: ImageName, receipts: list[bytes], folder: Path, conditions: dict[str, bool], figures: dict[str, object]
) -> float:
    """Returns how many times as many images a second the newer image processes."""
    cores = len(os.sched_getaffinity(0))
    names: tuple[ImageName, ImageName] = (DEFAULT_IMAGE, newer)
    limits = {
        name: ServingLimits(ServingSettings(workers=cores, batch_size=BATCH), server=IMAGES[name].server)
        for name in names
    }
    progress(f"Starting {names[0]} and {newer}, each with {cores} workers of one thread.")
    folder.mkdir()
    started = {
        name: container(packed("--image", name), folder / name, limits[name].environment, 1, name) for name in names
    }
    with started[DEFAULT_IMAGE] as old, started[newer] as new:
        running = {DEFAULT_IMAGE: old, newer: new}
        for name, instance in running.items():
            send(instance, receipts[0])
            figures[f"start of {name} beside {newer}, seconds"] = round(instance.startup_seconds or 0.0, 1)
        ways: Ways = {
            name: partial(_at_once, instance, limits[name].concurrent_invocations) for name, instance in running.items()
        }
        seconds, results = by_turns(ways, receipts)
    found = [
        compare_results(one.body, other.body, Rules())
        for one, other in zip(results[DEFAULT_IMAGE], results[newer], strict=True)
    ]
    conditions[f"same results of {newer}"] = not any(each.differences for each in found)
    figures[f"largest difference of a number of {newer}"] = max(each.largest for each in found)
    for name in names:
        figures[f"images a second of {name} beside {newer}"] = round(len(receipts) / seconds[name], 1)
    return seconds[DEFAULT_IMAGE] / seconds[newer]


def _at_once(instance: ModelContainer, concurrency: int, receipts: list[bytes]) -> list[ContainerResponse]:
    return send_at_once(instance, receipts, concurrency)
