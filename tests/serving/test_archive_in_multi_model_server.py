"""The packed archive in the Hugging Face toolkit and Multi Model Server, with the variables of the stage dev.

What single requests get is in the checks of in_image; here is what needs the server: batches and processes.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import IMAGES
from stacks.serving_limits import ServingLimits
from stacks.settings.stage import load_settings
from tests.emulator.containers.helpers import eventually, living, of_program
from tests.support.serving import serving_environment

REPOSITORY = Path(__file__).resolve().parents[2]
RECEIPTS = REPOSITORY / "samples" / "receipts"
IMAGE = IMAGES["huggingface-2.6"]
ANY_IMAGE = "application/x-image"
BATCH = 8
# Each test fills its batches: on a busy machine, requests sent at once arrive seconds apart.
DELAY_MILLISECONDS = 30_000

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelContainer]:
    serving = serving_environment(IMAGE)
    pack = REPOSITORY / "model_artifacts" / "pack.py"
    command = [sys.executable, str(pack), "--image", IMAGE.name]
    packed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    settings = load_settings(REPOSITORY / "config", "dev").serving.model_copy(
        update={"batch_size": BATCH, "batch_delay_milliseconds": DELAY_MILLISECONDS}
    )
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "MODEL_VERSION": "of-this-test"}
    variables |= ServingLimits(settings, server=IMAGE.server).environment
    archive = Path(packed.stdout.strip())
    instance = ModelContainer(archive, variables, serving, tmp_path_factory.mktemp("container") / "work")
    try:
        instance.start()
        instance.wait_ready(600)
        yield instance
    finally:
        instance.stop()


def rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines()]


def receipt(number: int) -> bytes:
    return (RECEIPTS / str(rows()[number]["file"])).read_bytes()


def send_all(container: ModelContainer, bodies: list[bytes]) -> list[ContainerResponse]:
    def send(number: int) -> ContainerResponse:
        accept = "application/jsonlines" if number % 2 else None
        return container.invoke(Invocation(bodies[number], content_type=ANY_IMAGE, accept=accept, timeout=90))

    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(send, range(len(bodies))))


def test_requests_at_once_are_read_together_each_by_its_own_headers(container: ModelContainer) -> None:
    answers = send_all(container, [receipt(number) for number in range(2 * BATCH)])

    together = Counter[int]()
    for number, (row, answer) in enumerate(zip(rows(), answers, strict=False)):
        is_lines = number % 2 == 1
        assert (answer.status, answer.content_type) == (
            200, "application/jsonlines" if is_lines else "application/json",
        ), answer.body  # fmt: skip
        said = json.loads(answer.body)
        prediction, facts = (said["prediction"], said) if is_lines else (said["predictions"][0], said["pages"][0])
        assert prediction["store"] == row["store"]
        assert said["model_version"] == "of-this-test"
        together[facts["read_together"]] += 1
    assert together == {BATCH: 2 * BATCH}
    assert len(of_program(container.pid, "model_process.py")) == 1


def test_bad_documents_fail_alone_with_a_sentence(container: ModelContainer) -> None:
    whole = receipt(0)
    answers = send_all(container, [whole, b"no image", whole, b"", whole, whole[:500], whole, whole])

    assert [answer.status for answer in answers] == [200, 400, 200, 400, 200, 400, 200, 200]
    for answer in answers:
        assert answer.body.isascii()
        assert b"Traceback" not in answer.body
        if answer.status != 200:
            assert answer.content_type == "text/plain"
            assert re.fullmatch(rb"[A-Z].*\.", answer.body), "one sentence"


def test_a_model_process_that_is_killed_fails_its_batch_and_takes_its_drawing_process_along(
    container: ModelContainer,
) -> None:
    (model,), (drawing,) = (
        of_program(container.pid, "model_process.py"),
        of_program(container.pid, "drawing_process.py"),
    )

    model.kill()
    assert eventually(lambda: not living([drawing]), 10)
    assert {answer.status for answer in send_all(container, [receipt(number) for number in range(BATCH)])} == {200}
    (successor,) = of_program(container.pid, "model_process.py")
    assert successor.pid != model.pid


def test_no_split_of_a_response_ends_a_worker(container: ModelContainer) -> None:
    """The server's codec is that of TorchServe 0.6.0, which gave up on a response whose headers were cut."""

    def send(length: int) -> int:
        return container.invoke(Invocation(b"-", content_type="text/" + "x" * length, timeout=60)).status

    before = {process.pid for process in of_program(container.pid, "model_service_worker.py")}
    statuses = Counter[int]()
    with ThreadPoolExecutor(16) as threads:
        for turn in range(40):
            statuses.update(threads.map(send, range(turn + 1, 16 * turn + 17, turn + 1)))
    assert dict(statuses) == {415: 40 * 16}
    assert {process.pid for process in of_program(container.pid, "model_service_worker.py")} == before
