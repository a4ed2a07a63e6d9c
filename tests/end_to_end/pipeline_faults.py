"""What fails in the pipeline's chaos: events of uploads, calls and notifications, functions and containers."""

import contextlib
import json
import random
import threading
import time

import psutil

from tests.end_to_end.shapes_stage import ShapesStage
from tests.support.intake import object_created

LOOK_AFTER_SECONDS = 20
DROPPED, DOUBLED = 0.05, 0.10  # of the events of uploads
WORKERS = ("Intake", "Results")
QUEUES = ("IntakeQueueUrl", "UrgentQueueUrl", "ResultsQueueUrl")
# Longer than a claim, which is two timeouts of a function: whoever gets the message next may have the job.
INVISIBLE_SECONDS = 35


class Events:
    """Uploads whose events come once, twice, late or never, by chance."""

    def __init__(self, stage: ShapesStage, chance: random.Random) -> None:
        self._stage, self._chance = stage, chance
        self.dropped = self.doubled = 0

    def put(self, key: str, body: bytes) -> None:
        """Uploads a document."""
        stage, s3 = self._stage, self._stage.client("s3")
        kind = self._chance.random()
        if kind < DROPPED:
            self.dropped += 1
            rules = stage.client("events")
            (rule,) = (each["Name"] for each in rules.list_rules()["Rules"] if "workflow-Uploads" in each["Name"])
            rules.disable_rule(Name=rule)
            try:
                stage.put(s3, key, body)
                time.sleep(0.2)  # until the event would have come
            finally:
                rules.enable_rule(Name=rule)
            return
        version = stage.put(s3, key, body)
        if kind < DROPPED + DOUBLED:
            self.doubled += 1
            again = json.dumps(
                object_created(key, bucket=stage.deployment.inputs, version_id=version, size=len(body))
                | {"region": stage.region}
            )
            for delay in (0, self._chance.randrange(1, 20)):
                stage.client("sqs").send_message(
                    QueueUrl=stage.output["IntakeQueueUrl"], MessageBody=again, DelaySeconds=delay
                )


def add_faults(stage: ShapesStage, seed: int, *, kills: int) -> None:
    """Has calls fail, notifications be lost, doubled and reordered, and that many containers be killed at most."""
    faults, endpoint = stage.local.faults, stage.deployment.endpoint
    faults.clear(seed)
    faults.add("throttle", service="sagemaker-runtime", rate=0.10)
    for service in ("s3", "dynamodb"):
        faults.add("error", service=service, rate=0.05)
    faults.add("error", service="sqs", rate=0.02)
    for kind, rate in (("drop", 0.05), ("double", 0.10), ("reorder", 0.20)):
        faults.add(kind, endpoint=endpoint, rate=rate)
    faults.add("kill", endpoint=endpoint, rate=0.02, count=kills)


def look_soon(stage: ShapesStage) -> None:
    """Lets the reconciler take an upload or an outcome for forgotten after seconds, not a quarter of an hour."""
    functions = stage.client("lambda")
    (function,) = (each for each in functions.list_functions()["Functions"] if "Reconciler" in each["FunctionName"])
    variables = function["Environment"]["Variables"] | {"LOOK_AFTER_SECONDS": str(LOOK_AFTER_SECONDS)}
    functions.update_function_configuration(FunctionName=function["FunctionName"], Environment={"Variables": variables})


def deliver_again_soon(stage: ShapesStage) -> None:
    """Has a message whose function was killed or failed return after seconds, not a minute and a half."""
    for queue in QUEUES:
        stage.client("sqs").set_queue_attributes(
            QueueUrl=stage.output[queue], Attributes={"VisibilityTimeout": str(INVISIBLE_SECONDS)}
        )


def kill_functions(
    stage: ShapesStage, chance: random.Random, done: threading.Event, killed: list[str], *, count: int
) -> None:
    """Kills processes of the functions that submit and record, at any moment of their work; adds their names."""
    while len(killed) < count and not done.wait(chance.uniform(0.5, 4)):
        with contextlib.suppress(psutil.Error):  # it ended by itself
            if found := workers(stage):
                process, name = chance.choice(found)
                process.kill()
                killed.append(name)


def workers(stage: ShapesStage) -> list[tuple[psutil.Process, str]]:
    """The running processes of the functions that submit and record, and the functions' names."""
    found = []
    for process in psutil.Process(stage.local.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile, and has no environment any more
            name = process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "")
            found += [(process, name)] if any(part in name for part in WORKERS) else []
    return found
