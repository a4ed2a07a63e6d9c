"""The deployed stage goes to the other serving images and back while documents arrive: every one gets its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from demo.deployment import ROOT, app_options
from tests.support.serving import ENVIRONMENTS, serving_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

DOCUMENTS = 200
BURST = 8  # sent at once, so that they can be read together
PAUSE = 3.0  # seconds between bursts: more load would slow the deployments, which it must outlast
REGION = "ap-northeast-1"
OTHERS = [image.name for image in IMAGES.values() if image.name != DEFAULT_IMAGE]

Receipts = list[tuple[bytes, dict[str, str]]]


class Load:
    """Sends bursts of documents until it is stopped, and then as many more as make up the whole number."""

    def __init__(self, stage: Stage, receipts: Receipts) -> None:
        self._stage = stage
        self._receipts = receipts
        self._stopping = threading.Event()
        self.sent: list[dict[str, Any]] = []
        self.expected: list[dict[str, str]] = []

    def run(self) -> None:
        """Send until the end."""
        while not self._stopping.wait(PAUSE) or len(self.sent) < DOCUMENTS:
            self._burst()

    def stop(self) -> None:
        """Let the load end."""
        self._stopping.set()

    def _burst(self) -> None:
        numbers = range(len(self.sent), len(self.sent) + BURST)
        chosen = [self._receipts[number % len(self._receipts)] for number in numbers]
        with ThreadPoolExecutor(BURST) as threads:
            self.sent += threads.map(self._send, numbers, [body for body, _ in chosen])
        self.expected += [on_receipt for _, on_receipt in chosen]

    def _send(self, number: int, body: bytes) -> dict[str, Any]:
        location = self._stage.put(body, f"load/{number}.jpg")
        return self._stage.invoke(location, ContentType="application/x-image")


def deploy(stage: Stage, assembly: Path) -> None:
    """Deploy as `make deploy` does: a deploy that meets a scaling action is repeated, and a sample is processed."""
    done = subprocess.run(
        [
            sys.executable, "-c", "from async_endpoint.cli import main; main()", "deploy",
            "--stack", "async-endpoint-dev-endpoint", "--sample", ROOT / "samples" / "receipts" / "receipt-000.jpg",
            "--region", REGION, "--",
            "npx", "cdk", "deploy", "--all", "--app", assembly, "--require-approval", "never", "--progress", "events",
        ],
        cwd=ROOT,
        env=stage.local.client_environment(os.environ, REGION) | {"CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_under_load_the_stage_goes_to_the_other_images_and_back_and_no_document_is_lost(
    stage: Stage, receipts: Receipts, tmp_path: Path
) -> None:
    others = [name for name in OTHERS if ENVIRONMENTS.of(IMAGES[name]).ready] or OTHERS[:1]
    for other in others:
        serving_environment(IMAGES[other])  # where none is built this says so, and ends the test
    there_and_back: tuple[ImageName, ...] = (*others, DEFAULT_IMAGE)
    assemblies = {name: tmp_path / name for name in there_and_back}
    for name, assembly in assemblies.items():
        stage.cdk.run("synth", "--quiet", *app_options(name), "--output", str(assembly))
    load = Load(stage, receipts)

    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(load.run)
        try:
            for assembly in assemblies.values():
                deploy(stage, assembly)
        finally:
            load.stop()
        sending.result()
        outcomes = [stage.outcome(invoked) for invoked in load.sent]

    assert len(outcomes) >= DOCUMENTS
    assert [body for kind, body in outcomes if kind != "output"] == []
    results = [json.loads(body) for _, body in outcomes]
    wrong = [
        (result["predictions"], expected)
        for result, expected in zip(results, load.expected, strict=True)
        if result["predictions"] != [expected]
    ]
    assert len(wrong) <= len(results) * 0.1, wrong[:3]
    versions = {result["model_version"] for result in results}
    assert len(versions) == len(there_and_back)  # each image has an archive of its own
    for version in versions:
        of_version = [result for result in results if result["model_version"] == version]
        assert max(page["read_together"] for result in of_version for page in result["pages"]) > 1, version
