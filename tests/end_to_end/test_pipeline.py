"""The pipeline under load: faults at every hop, poison documents, cancelled documents. Each has exactly one outcome.

A sample by default; with ASYNC_ENDPOINT_SWEEP=full 2,000 documents among faults, 10 poison ones among 500, and 500
cancelled. ASYNC_ENDPOINT_SEED chooses the chances.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import JobState
from tests.end_to_end.conftest import wait_for
from tests.end_to_end.pipeline_faults import Events, add_faults, deliver_again_soon, kill_functions, look_soon
from tests.end_to_end.shapes_stage import ShapesStage, document, shapes_stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

FULL = os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full"
SEED = int(os.environ.get("ASYNC_ENDPOINT_SEED", "1"))
DOCUMENTS = 2_000 if FULL else 100
KILLS = 10 if FULL else 2
FUNCTION_KILLS = 10 if FULL else 3
BATCH, POISON = (500, 10) if FULL else (60, 4)
CANCELLED = 500 if FULL else 60
SPEED = 20.0
DEAD_LETTERS = ("IntakeDeadLettersUrl", "UrgentDeadLettersUrl", "ResultsDeadLettersUrl")
# A message whose function was killed comes back after a minute and a half, and may be killed again.
SECONDS = 1_800.0 if FULL else 900.0
MOST_INVOCATIONS = 1.15  # for each document


@pytest.fixture(scope="module")
def shapes(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapesStage]:
    with shapes_stage(serving, tmp_path_factory.mktemp("shapes"), speed=SPEED) as stage:
        yield stage


def restart(stage: ShapesStage) -> None:
    stage.local.stop()
    stage.local = LocalAws.start(stage.serving, state_dir=stage.local.state_dir, speed=SPEED, tied=True)


def finish(stage: ShapesStage, prefix: str) -> int:
    """Waits until every job has an outcome, and moves dead letters back meanwhile; returns how many those were."""
    moved, deadline = 0, time.monotonic() + SECONDS
    while (found := states(stage, prefix)) and sum(found[state] for state in JobState if state.is_final) < DOCUMENTS:
        assert time.monotonic() < deadline, f"{found} after {SECONDS:g} s: {what_is_left(stage, prefix)}"
        if count := sum(messages(stage, queue) for queue in DEAD_LETTERS):
            moved += count
            stage.run("dlq", "redrive", check=False)
        time.sleep(2)
    return moved


def messages(stage: ShapesStage, queue: str, *, state: str = "") -> int:
    """About how many messages the queue of an output has: visible ones, or those `NotVisible` or `Delayed`."""
    name = f"ApproximateNumberOfMessages{state}"
    found = stage.client("sqs").get_queue_attributes(QueueUrl=stage.output[queue], AttributeNames=[name])
    return int(found["Attributes"][name])


def what_is_left(stage: ShapesStage, prefix: str) -> dict[str, Any]:
    """What explains a failure of this test: the unfinished jobs, the queues, what the functions logged."""
    jobs = [job for jobs in stage.jobs(prefix).values() for job in jobs if not job.state.is_final]
    queues = [name for name, value in stage.output.items() if name.endswith(("QueueUrl", "DeadLettersUrl")) and value]
    logs = stage.client("logs")
    since = int((time.time() - 120) * 1000)
    said = {
        group["logGroupName"]: [
            each["message"][:500]
            for each in logs.filter_log_events(logGroupName=group["logGroupName"], startTime=since)["events"]
            if "RequestId" not in each["message"]
        ][-8:]
        for group in logs.describe_log_groups()["logGroups"]
    }
    return {
        "jobs": jobs,
        "queues": {
            queue: [messages(stage, queue, state=state) for state in ("", "NotVisible", "Delayed")] for queue in queues
        },
        "logs": said,
    }


def states(stage: ShapesStage, prefix: str) -> Counter[str]:
    return Counter(job.state.value for jobs in stage.jobs(prefix).values() for job in jobs)


def wait_for_states(stage: ShapesStage, prefix: str, count: int, seconds: float = SECONDS) -> Counter[str]:
    """Waits until that many jobs below a prefix have an outcome; returns how many are in each state."""

    def ended() -> Counter[str] | None:
        time.sleep(1)
        found = states(stage, prefix)
        return found if sum(found[state] for state in JobState if state.is_final) >= count else None

    return wait_for(ended, f"the outcome of {count} documents below {prefix}", seconds)


def test_cancelled_documents_never_reach_the_model(shapes: ShapesStage) -> None:
    prefix, s3, functions = "inbox/cancelled/", shapes.client("s3"), shapes.client("lambda")
    (mapping,) = (
        each
        for each in functions.list_event_source_mappings()["EventSourceMappings"]
        if "IntakeQueue" in each["EventSourceArn"]
    )
    before = shapes.outcomes()
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for number in range(CANCELLED):
        shapes.put(s3, f"{prefix}{number}.json", document(number)[0])

    said = shapes.run("cancel", "--prefix", f"s3://{shapes.deployment.inputs}/{prefix}", "--yes")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    body, shape = document(0)
    shapes.put(s3, "inbox/afterwards.json", body)

    assert wait_for_states(shapes, "inbox/afterwards.json", 1) == {"COMPLETED": 1}
    (after,) = shapes.jobs("inbox/afterwards.json")["inbox/afterwards.json"]
    assert shapes.shape_of(s3, after) == shape
    sqs, queue = shapes.client("sqs"), shapes.output["IntakeQueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    wait_for(
        lambda: (
            not sum(map(int, sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values()))
            or None
        ),
        "an empty intake queue",
        SECONDS,
    )
    assert states(shapes, prefix) == {"CANCELLED": CANCELLED}, said
    assert shapes.outcomes() == before + 1


def test_poison_documents_fail_alone_and_are_completed_by_a_redrive_after_the_fix(shapes: ShapesStage) -> None:
    prefix, s3 = "inbox/batch/", shapes.client("s3")
    before = shapes.outcomes()
    poison = set(random.Random(SEED).sample(range(BATCH), POISON))  # noqa: S311 - repeatable on purpose
    expected = {}
    for number in range(BATCH):
        body, shape = document(number, bytes_more=200_000 if number in poison else 0)
        expected[f"{prefix}{number}.json"] = shape
        shapes.put(s3, f"{prefix}{number}.json", body)

    assert wait_for_states(shapes, prefix, BATCH) == {"COMPLETED": BATCH - POISON, "FAILED": POISON}
    failed = [job for jobs in shapes.jobs(prefix).values() for job in jobs if job.state is JobState.FAILED]
    assert {int((job.key or "").rpartition("/")[2].removesuffix(".json")) for job in failed} == poison
    assert all("413" in (job.reason or "") for job in failed), failed[0].reason
    assert shapes.outcomes() == before + BATCH

    shapes.deploy(serving="max_request_bytes = 1000000")
    redriven = shapes.run("redrive", "--state", "FAILED", "--reason", "413", "--since", "1d", "--yes", "--json")
    again = shapes.run("redrive", "--state", "FAILED", "--reason", "413", "--since", "1d", "--yes", "--json")

    assert wait_for_states(shapes, prefix, BATCH) == {"COMPLETED": BATCH}
    assert shapes.outcomes() == before + BATCH + POISON, (redriven, again)
    for key, (job,) in shapes.jobs(prefix).items():
        assert shapes.shape_of(s3, job) == expected[key]


def test_every_document_has_one_right_outcome_whatever_fails_on_the_way(
    shapes: ShapesStage, record_property: Any
) -> None:
    """Events doubled, late, dropped; functions and containers killed; errors and throttles; a restart of the AWS."""
    prefix, chance = "inbox/chaos/", random.Random(SEED)  # noqa: S311 - repeatable on purpose
    look_soon(shapes)
    deliver_again_soon(shapes)
    before = shapes.outcomes()
    add_faults(shapes, SEED, kills=KILLS // 2)
    expected: dict[str, str] = {}
    done = threading.Event()
    killed: list[str] = []
    killer = threading.Thread(
        target=kill_functions,
        args=(shapes, random.Random(SEED + 1), done, killed),  # noqa: S311 - repeatable on purpose
        kwargs={"count": FUNCTION_KILLS},
        daemon=True,
    )
    killer.start()
    events = Events(shapes, chance)
    for number in range(DOCUMENTS):
        body, expected[f"{prefix}{number}.json"] = document(number)
        events.put(f"{prefix}{number}.json", body)
        if number == DOCUMENTS // 2:
            restart(shapes)
            add_faults(shapes, SEED, kills=KILLS // 2)
    redriven = finish(shapes, prefix)
    done.set()
    killer.join(30)

    found = shapes.jobs(prefix)
    s3 = shapes.client("s3")
    wrong = [
        key
        for key, (job, *_) in found.items()
        if job.state is JobState.COMPLETED and shapes.shape_of(s3, job) != expected[key]
    ]
    invocations = shapes.outcomes() - before
    counts = {
        "documents": DOCUMENTS,
        "states": dict(states(shapes, prefix)),
        "lost": sorted(set(expected) - set(found)),
        "twice": sorted(key for key, jobs in found.items() if len(jobs) > 1),
        "wrong": wrong,
        "invocations": invocations,
        "invocations_a_document": round(invocations / DOCUMENTS, 3),
        "attempts": dict(Counter(len(job.attempts) for (job, *_) in found.values())),
        "events_dropped": events.dropped,
        "events_doubled": events.doubled,
        "dead_letters_redriven": redriven,
        "functions_killed": killed,
        "faults_since_the_restart": shapes.local.faults.describe()["faults"],
        "seed": SEED,
    }
    print(json.dumps(counts))  # noqa: T201 - the counts are part of what this test shows
    record_property("counts", counts)
    assert (counts["lost"], counts["twice"], counts["wrong"]) == ([], [], [])
    assert counts["states"] == {"COMPLETED": DOCUMENTS}, [
        (job.key, job.reason) for (job, *_) in found.values() if job.state is not JobState.COMPLETED
    ][:5]
    assert invocations <= MOST_INVOCATIONS * DOCUMENTS
