"""The packed archive in the real toolkit and TorchServe, with the variables that the stage dev gives it.

ASYNC_ENDPOINT_SWEEP=full sends two thousand documents gone wrong in place of a hundred.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.protocol.serving_images import IMAGES, ImageName
from stacks.serving_limits import ServingLimits
from stacks.settings.stage import load_settings
from tests.emulator.containers.helpers import of_program
from tests.emulator.fakes import eventually
from tests.support.serving import serving_environment

REPOSITORY = Path(__file__).resolve().parents[2]
RECEIPTS = REPOSITORY / "samples" / "receipts"
IN_IMAGE = Path(__file__).resolve().parent / "in_image"
# Beside the bombs.
FUZZED = 2_000 if os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full" else 100
# The worker may not grow by what a document is decoded into.
MOST_GROWTH_MEGABYTES = 300
DOCUMENT_SECONDS = 5
DOCUMENT_MEMORY_MB = 2048
EXPECTED = {200, 400, 413, 415, 422}
ANY_IMAGE = "application/x-image"

RunInServing = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.serving


def archive_for(image: ImageName) -> Path:
    """What `cdk deploy` publishes."""
    command = [sys.executable, str(REPOSITORY / "model_artifacts" / "pack.py"), "--image", image]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return Path(run.stdout.strip())


@pytest.fixture(scope="module", params=["pytorch-1.11", "pytorch-2.6"])
def container(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelContainer]:
    serving = serving_environment(IMAGES[request.param])
    archive = archive_for(request.param)
    dev = load_settings(REPOSITORY / "config", "dev")
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "MODEL_VERSION": "of-this-test"}
    # A document that takes any time is not waited for as long as in dev.
    sooner = {"document_seconds": DOCUMENT_SECONDS, "document_memory_mb": DOCUMENT_MEMORY_MB}
    variables |= ServingLimits(dev.serving.model_copy(update=sooner)).environment
    instance = ModelContainer(archive, variables, serving, tmp_path_factory.mktemp("container") / "work")
    try:
        instance.start()
        instance.wait_ready(300)
        yield instance
    finally:
        instance.stop()


def rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines()]


def workers(container: ModelContainer) -> set[int]:
    """The process ids of TorchServe's workers."""
    return {process.pid for process in of_program(container.pid, "model_service_worker.py")}


def test_requests_at_once_are_read_together_each_by_its_own_headers(container: ModelContainer) -> None:
    samples = rows()[:16]

    def send(number: int) -> ContainerResponse:
        body = (RECEIPTS / str(samples[number]["file"])).read_bytes()
        accept = "application/jsonlines" if number % 2 else None
        return container.invoke(Invocation(body, content_type=ANY_IMAGE, accept=accept, timeout=60))

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(send, range(16)))

    together = set()
    for number, (row, answer) in enumerate(zip(samples, answers, strict=True)):
        assert (answer.status, answer.content_type) == (
            200,
            "application/jsonlines" if number % 2 else "application/json",
        )
        said = json.loads(answer.body)
        prediction, facts = (said["prediction"], said) if number % 2 else (said["predictions"][0], said["pages"][0])
        assert prediction["store"] == row["store"]
        assert said["model_version"] == "of-this-test"
        together.add(facts["read_together"])
    assert max(together) > 1, "no two requests were read together"


def test_one_bad_request_among_them_fails_alone(container: ModelContainer) -> None:
    body = (RECEIPTS / str(rows()[0]["file"])).read_bytes()
    bodies = [body, b"no image", body, b"", body, body[:500], body, body]

    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda sent: container.invoke(Invocation(sent, content_type=ANY_IMAGE, timeout=60)), bodies, timeout=90
            )
        )

    assert [answer.status for answer in answers] == [200, 400, 200, 400, 200, 400, 200, 200]
    assert len({json.dumps(json.loads(answer.body)["predictions"]) for answer in answers if answer.status == 200}) == 1
    for answer in answers:
        assert answer.body.isascii()
        assert b"Traceback" not in answer.body


def drawing_processes(container: ModelContainer) -> set[int]:
    """The process ids of the processes that draw documents, one for each worker."""
    return {child.pid for worker in workers(container) for child in psutil.Process(worker).children()}


def runs(pid: int) -> bool:
    """Whether a process has not ended; nobody waits for those that their worker left behind."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def bombs(run_in_serving: RunInServing, tmp_path: Path) -> dict[str, bytes]:
    """Small PDFs that take any time or memory to draw."""
    names = ["nested_forms", "unpacked_content", "tiny_tiles", "function_shading"]
    write = f"import pathlib, pdf_bombs\nfor name in {names}:\n pathlib.Path({str(tmp_path)!r}, name).write_bytes"
    made = run_in_serving("-c", f"{write}(getattr(pdf_bombs, name)())", cwd=IN_IMAGE)
    assert made.returncode == 0, made.stderr
    return {name: (tmp_path / name).read_bytes() for name in names}


def test_a_document_that_breaks_its_process_fails_alone_in_its_batch(
    container: ModelContainer, bombs: dict[str, bytes]
) -> None:
    samples = rows()[:7]
    (worker,) = workers(container)
    before = psutil.Process(worker).memory_info().rss
    together = set()

    def send(body: bytes) -> ContainerResponse:
        return container.invoke(Invocation(body, content_type="application/octet-stream", timeout=60))

    for name, bomb in bombs.items():
        bodies = [bomb, *((RECEIPTS / str(row["file"])).read_bytes() for row in samples)]
        with ThreadPoolExecutor(8) as threads:
            rejected, *answers = threads.map(send, bodies)
        assert rejected.status == 413, (name, rejected)
        assert re.match(rb"^The document (takes|needs) more than \d+ (seconds|MB of memory) to draw: ", rejected.body)
        assert [answer.status for answer in answers] == [200] * 7, name
        results = [json.loads(answer.body) for answer in answers]
        assert [result["predictions"][0]["store"] for result in results] == [row["store"] for row in samples]
        together |= {result["pages"][0]["read_together"] for result in results}

    assert max(together) > 1, "no two requests were read together"
    assert workers(container) == {worker}
    assert psutil.Process(worker).memory_info().rss - before < MOST_GROWTH_MEGABYTES * 1e6


def test_a_drawing_process_that_is_killed_is_replaced_and_one_whose_worker_ends_ends_too(
    container: ModelContainer,
) -> None:
    (worker,), (drawing,) = workers(container), drawing_processes(container)
    body = (RECEIPTS / str(rows()[0]["file"])).read_bytes()

    psutil.Process(drawing).kill()
    assert container.invoke(Invocation(body, content_type=ANY_IMAGE, timeout=60)).status == 200
    assert workers(container) == {worker}
    (replaced,) = drawing_processes(container)
    assert replaced != drawing

    psutil.Process(worker).kill()
    eventually(lambda: not runs(replaced), "the end of the drawing process")
    # TorchServe never answers a request that waits for its batch when the worker ends.
    eventually(lambda: workers(container) - {worker}, "the next worker")
    assert container.invoke(Invocation(body, content_type=ANY_IMAGE, timeout=120)).status == 200


def test_documents_gone_wrong_end_no_worker(
    container: ModelContainer, run_in_serving: RunInServing, tmp_path: Path
) -> None:
    made = run_in_serving("fuzzed.py", FUZZED, tmp_path, cwd=IN_IMAGE)
    assert made.returncode == 0, made.stderr
    before = workers(container)
    assert len(before) == 1
    memory = psutil.Process(*before).memory_info().rss

    def send(row: dict[str, str]) -> int:
        body = (tmp_path / row["file"]).read_bytes()
        answer = container.invoke(Invocation(body, content_type=row["content_type"] or None, timeout=120))
        assert answer.status in EXPECTED, (row, answer)
        assert answer.body.isascii()
        assert b"Traceback" not in answer.body
        return answer.status

    with ThreadPoolExecutor(8) as threads:
        statuses = Counter(threads.map(send, map(json.loads, made.stdout.splitlines())))

    grown = (psutil.Process(*before).memory_info().rss - memory) / 1e6
    sys.stderr.write(
        f"{statuses.total()} documents: {dict(sorted(statuses.items()))}; worker grown by {grown:.0f} MB\n"
    )
    assert statuses.total() > FUZZED
    assert grown < MOST_GROWTH_MEGABYTES
    assert len(statuses) > 3, statuses
    assert workers(container) == before
    whole = container.invoke(
        Invocation((RECEIPTS / str(rows()[0]["file"])).read_bytes(), content_type=ANY_IMAGE, timeout=60)
    )
    assert json.loads(whole.body)["predictions"][0]["store"] == rows()[0]["store"]


def test_no_split_of_a_response_ends_the_worker(container: ModelContainer) -> None:
    """TorchServe 0.6.0 gives up on a response whose headers are cut by the end of its read buffer.

    The buffer grows with what is read, and shrinks again: after small responses, a batch's is cut several times.
    """

    def send(length: int) -> ContainerResponse:
        return container.invoke(Invocation(b"-", content_type="text/" + "x" * length, timeout=60))

    before, statuses = workers(container), Counter[int]()
    with ThreadPoolExecutor(16) as threads:
        for turn in range(80):
            statuses.update(send(1).status for _ in range(6))
            statuses.update(answer.status for answer in threads.map(send, range(turn + 1, 16 * turn + 17, turn + 1)))
    assert dict(statuses) == {415: 80 * 22}
    assert workers(container) == before
