"""The asyncio client, and a run that is killed and continued, on a deployed stage."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.client import AioEndpoint, DocumentState, TicketError
from async_endpoint.client.ticket_store import StoredRun, read_run
from async_endpoint.emulator.containers.environment import ServingEnvironments
from demo.deployment import ROOT
from tests.end_to_end.conftest import PATIENCE_SECONDS, SPEED, wait_for
from tests.end_to_end.shapes_stage import ShapesStage, document, shapes_stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

DOCUMENTS = 30
KILLED = 200  # of the run that is killed in the middle, however late a busy machine sees the first ones
COMMAND = str(Path(sys.executable).with_name("async-endpoint"))


@pytest.fixture(scope="module")
def stage(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapesStage]:
    folder = tmp_path_factory.mktemp("client")
    with shapes_stage(serving, folder, speed=SPEED) as found, pytest.MonkeyPatch.context() as environment:
        for name, value in found.local.environment(found.region).items():
            environment.setenv(name, value)
        yield found


def test_the_asyncio_client_streams_documents_in_order(stage: ShapesStage) -> None:
    documents = [document(number) for number in range(DOCUMENTS)]

    async def shapes() -> list[str]:
        names = stage.deployment
        async with AioEndpoint(names.endpoint, input_location=f"s3://{names.inputs}/by-hand/") as endpoint:
            jobs = endpoint.map(
                (body for body, _ in documents), content_type="application/json", timeout=PATIENCE_SECONDS
            )
            return [str(job.output and job.output.json()["shape"]) async for job in jobs]

    assert asyncio.run(shapes()) == [shape for _, shape in documents]


def test_a_run_that_was_killed_is_continued(stage: ShapesStage, tmp_path: Path) -> None:
    folder, ticket, results = tmp_path / "documents", tmp_path / "ticket.sqlite", tmp_path / "results.jsonl"
    folder.mkdir()
    for number in range(KILLED):
        (folder / f"{number:03}.json").write_bytes(document(number)[0])
    given = ["--stage", "shapes", "--pattern", "*.json", "--content-type", "application/json", "--concurrency", "2"]
    command = [COMMAND, "run", str(folder), *given, "--ticket", str(ticket), "--output", str(results)]
    environment = stage.local.client_environment(os.environ, stage.region)
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as run:
        wait_for(lambda: _submitted(ticket, 10), "the first documents")
        run.kill()
        assert run.wait(10) == -signal.SIGKILL
    found = read_run(ticket)
    assert 0 < found.counts[DocumentState.WAITING] < KILLED, "it was killed in the middle"

    subprocess.run(
        [COMMAND, "resume", "--ticket", str(ticket), "--doubt-seconds", "10"],
        env=environment, cwd=ROOT, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip

    lines = [json.loads(line) for line in results.read_text(encoding="ascii").splitlines()]
    assert {line["file"]: line["answer"]["shape"] for line in lines} == {
        f"{number:03}.json": document(number)[1] for number in range(KILLED)
    }
    listing = stage.client("s3").list_objects_v2(
        Bucket=stage.deployment.outputs, Prefix=f"results/runs/{found.settings.run}/"
    )
    assert listing["KeyCount"] == len(lines) == KILLED, "no document was processed twice"


def _submitted(ticket: Path, least: int) -> StoredRun | None:
    """The run, once so many documents were taken."""
    try:
        found = read_run(ticket)
    except TicketError:  # it is not written yet
        return None
    taken = found.counts.total() - found.counts[DocumentState.WAITING]
    return found if taken >= least else None
