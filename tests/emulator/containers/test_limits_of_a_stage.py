"""The variables that a stage gives its container are those that its real model server and code obey."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import IMAGES, ModelServer
from tests.emulator.containers.helpers import write_archive
from tests.emulator.containers.packed_code import batching_archive
from tests.stacks.templates import dev
from tests.support.serving import serving_environment

pytestmark = pytest.mark.serving

READY_SECONDS = 120.0
BATCH = 4
LIMITS = {
    "serving__batch_size": BATCH,
    "serving__batch_delay_milliseconds": 1000,
    "serving__timeout_seconds": 15,
    "serving__load_timeout_seconds": 15,
    "serving__max_request_bytes": 8_000_000,
    "serving__max_response_bytes": 9_000_000,
}


@pytest.fixture(scope="module", params=["pytorch-2.6", "huggingface-2.6"])
def container(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelContainer]:
    """The container of a stage with an image whose servers differ most from the default one's."""
    folder = tmp_path_factory.mktemp("stage")
    image, files = IMAGES[request.param], batching_archive()
    if image.server is ModelServer.TORCHSERVE:
        # It names the handler of Multi Model Server, and TorchServe would read it.
        del files["MAR-INF/MANIFEST.json"]
    archive = write_archive(folder / "model.tar.gz", files)
    variables = dev(endpoint__image=image.name, **LIMITS).limits.environment
    environment = serving_environment(image)
    instance = ModelContainer(archive, {"SAGEMAKER_PROGRAM": "inference.py"} | variables, environment, folder / "work")
    instance.start()
    try:
        instance.wait_ready(READY_SECONDS)
        yield instance
    finally:
        instance.stop()


def invoke(instance: ModelContainer, body: bytes, timeout: float = 60) -> ContainerResponse:
    return instance.invoke(Invocation(body, content_type="image/png", timeout=timeout))


def told(answer: ContainerResponse) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    said: dict[str, Any] = json.loads(answer.body)
    return said


def test_two_batches_are_in_the_container_and_each_is_as_large_as_the_stage_says(container: ModelContainer) -> None:
    for _ in range(5):  # on a busy machine, requests that are sent at once arrive one after the other
        with ThreadPoolExecutor(2 * BATCH) as threads:
            answers = list(threads.map(lambda number: told(invoke(container, b"%d" % number)), range(2 * BATCH)))
        together = Counter(each["together"] for each in answers)
        assert max(together) <= BATCH
        if together == {BATCH: 2 * BATCH}:
            return
    pytest.fail(f"no two whole batches: {together}")


def test_a_document_may_be_as_large_as_the_stage_says_and_no_larger(container: ModelContainer) -> None:
    """The servers' own limit is 6.5 MB."""
    largest = LIMITS["serving__max_request_bytes"]
    assert told(invoke(container, b"x" * (largest - 1000)))["length"] == largest - 1000
    assert invoke(container, b"x" * (largest + 1000)).status == 413


def test_a_batch_that_takes_longer_than_the_stage_allows_is_ended_in_seconds_not_minutes(
    container: ModelContainer,
) -> None:
    answer = invoke(container, b"sleep 50", timeout=45)
    assert answer.status == 500
    assert told(invoke(container, b"one"))["body"] == "one", "and the next one is processed"
