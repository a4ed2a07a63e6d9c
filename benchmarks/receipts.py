"""Receipts, and ways of sending them to containers that take turns."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from benchmarks.result import progress
from benchmarks.serving import run_in_serving

Ways = dict[str, Callable[[list[bytes]], list[ContainerResponse]]]

# Receipts. All ways take turns, so that other load of the machine affects them alike: in turns of 250 and 500 the ratio
# of two ways varied by up to seven per cent from run to run.
_A_TURN = 100
_WARM_UP = 128  # receipts: the extra cost of first requests
_SECONDS = 300.0


def draw_receipts(folder: Path, count: int) -> list[bytes]:
    """Draws receipts, the same ones each time; returns them as JPEG files."""
    run_in_serving("draw_receipts.py", folder, count, threads=1)
    return [(folder / f"{index:03d}.jpg").read_bytes() for index in range(count)]


def by_turns(ways: Ways, images: list[bytes]) -> tuple[dict[str, float], dict[str, list[ContainerResponse]]]:
    """Sends the images each way, in turns; returns the seconds and the responses of each way."""
    seconds = dict.fromkeys(ways, 0.0)
    results: dict[str, list[ContainerResponse]] = {name: [] for name in ways}
    for send in ways.values():
        send(images[:_WARM_UP])
    for first in range(0, len(images), _A_TURN):
        for name, send in ways.items():
            began = time.perf_counter()
            results[name] += send(images[first : first + _A_TURN])
            seconds[name] += time.perf_counter() - began
        done = ", ".join(f"{name} in {taken:.1f} s" for name, taken in seconds.items())
        progress(f"{min(first + _A_TURN, len(images))} of {len(images)} receipts: {done}")
    return seconds, results


def send_at_once(instance: ModelContainer, images: list[bytes], concurrency: int) -> list[ContainerResponse]:
    """Sends images, `concurrency` at a time; returns the responses in the order of the images."""
    with ThreadPoolExecutor(concurrency) as threads:
        return list(threads.map(lambda image: send(instance, image), images))


def send(instance: ModelContainer, image: bytes) -> ContainerResponse:
    """Sends one image.

    Raises:
        RuntimeError: It was not processed.
    """
    result = instance.invoke(Invocation(image, content_type="application/x-image", timeout=_SECONDS))
    if result.status != HTTPStatus.OK:
        raise RuntimeError(f"An image got status {result.status}: {result.body[:300]!r}")
    return result
