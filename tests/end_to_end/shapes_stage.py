"""The stage of the shape classifier with its whole pipeline: small documents, a quick model, short timeouts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import JobRecord, S3Location
from demo.deployment import ROOT, Cdk, Deployment, synthesised_region
from tests.end_to_end.conftest import deployed_between_scaling_actions
from tests.end_to_end.test_your_own_model import EXAMPLE, app_with_the_example_alone

SAMPLES = [
    json.loads(line) for line in (ROOT / EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines() if line
]
# Faults strike the test's own calls, too.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10}, proxies={}, max_pool_connections=20)
# A queue's messages are invisible for six times, a claim lasts for two times the timeout of its function. Functions of
# one machine share its cores, unlike Lambda's: too many at once would all exceed a short timeout, be started anew and
# begin again, and never end.
SHORT_TIMES = """
[workflow]
timeout_seconds = 15
max_concurrency = 3
max_attempts = 6
retry_delay_seconds = 1
"""


@dataclass
class ShapesStage:
    """The deployed stage.

    Attributes:
        folder: Of this stage: its app, the assembly, the logs.
        serving: The environments of its containers.
        local: The local AWS that it runs on.
        speed: Of AWS's clock.
        more: Settings that follow the example's.
        region: Its region.
        outputs: The outputs of its stacks.
    """

    folder: Path
    serving: ServingEnvironments
    local: LocalAws
    speed: float
    more: str = SHORT_TIMES
    region: str = ""
    outputs: dict[str, str] | None = None

    @property
    def deployment(self) -> Deployment:
        """Its names."""
        return Deployment.from_outputs(self.output)

    @property
    def output(self) -> dict[str, str]:
        """The outputs of its stacks."""
        assert self.outputs is not None
        return self.outputs

    def deploy(self, **settings: str) -> None:
        """Synthesises the stage with some lines of its file replaced, and deploys it."""
        app = self.folder / "app"
        if not app.is_dir():
            app_with_the_example_alone(app)
        stage = (ROOT / EXAMPLE / "stage.toml").read_text(encoding="utf-8")
        for table, lines in settings.items():
            stage = stage.replace(f"[{table}]\n", f"[{table}]\n{lines}\n")
        (app / "config" / "shapes.toml").write_text(stage + self.more, encoding="utf-8")
        assembly = str(self.folder / "cdk.out")
        cdk = Cdk(self.local, self.folder / "cdk.log", assembly)
        command = f"{sys.executable} {app / 'app.py'}"
        cdk.run("synth", "--app", command, "-c", "stage=shapes", "--quiet", "--output", assembly)
        self.region = synthesised_region(Path(assembly))
        if self.outputs is None:
            cdk.bootstrap(self.region)
        self.outputs = deployed_between_scaling_actions(cdk, self.folder / "outputs.json", self._status)

    def _status(self) -> str:
        described = self.client("sagemaker").describe_endpoint(EndpointName=self.deployment.endpoint)
        return str(described["EndpointStatus"])

    def client(self, service: str) -> Any:
        """A client that tries again."""
        return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
            service,
            endpoint_url=self.local.endpoint_url,
            region_name=self.region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no credential is checked
            config=PATIENT,
        )

    def run(self, *arguments: str, check: bool = True) -> str:
        """Runs a command of the project on the stage; returns what it prints."""
        run = subprocess.run(
            [
                str(Path(sys.executable).with_name("async-endpoint")),
                *(*arguments, "--stack", "async-endpoint-shapes-workflow"),
            ],
            env=self.local.client_environment(os.environ, self.region),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or run.returncode == 0, f"{arguments}: {run.stdout}{run.stderr}"
        return run.stdout

    def put(self, s3: Any, key: str, body: bytes) -> str:
        """Puts a document into the input bucket; returns its version."""
        response = s3.put_object(Bucket=self.deployment.inputs, Key=key, Body=body, ContentType="application/json")
        return str(response["VersionId"])

    def jobs(self, prefix: str) -> dict[str, list[JobRecord]]:
        """All jobs below a prefix of the inbox, by the document's key."""
        dynamodb = self.client("dynamodb")
        found: dict[str, list[JobRecord]] = {}
        for page in dynamodb.get_paginator("scan").paginate(TableName=self.deployment.jobs_table, ConsistentRead=True):
            for item in page["Items"]:
                values = {name: _plain(value) for name, value in item.items()}
                if "state" in values and str(values.get("key", "")).startswith(prefix):
                    record = JobRecord.from_item(values)
                    found.setdefault(record.key or "", []).append(record)
        return found

    def shape_of(self, s3: Any, job: JobRecord) -> str:
        """The shape in the result of a job."""
        place = S3Location.from_uri(job.outcome_location or "")
        body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        return str(json.loads(body)["shape"])

    def outcomes(self) -> int:
        """How many results and failures SageMaker has written."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.deployment.outputs)
        return sum(len(page.get("Contents", [])) for page in pages)


@contextmanager
def shapes_stage(
    serving: ServingEnvironments, folder: Path, *, speed: float, more: str = SHORT_TIMES, **settings: str
) -> Iterator[ShapesStage]:
    """Deploys the stage to a local AWS of its own; `settings` as in `ShapesStage.deploy`."""
    local = LocalAws.start(serving, state_dir=folder / "local-aws", speed=speed, tied=True)
    stage = ShapesStage(folder, serving, local, speed, more)
    try:
        stage.deploy(**{"serving": "max_request_bytes = 100000"} | settings)
        yield stage
    finally:
        stage.local.stop()


def document(number: int, *, bytes_more: int = 0) -> tuple[bytes, str]:
    """A document, and the shape on it; with more bytes, blanks follow."""
    sample = SAMPLES[number % len(SAMPLES)]
    # The number makes each document different from the others, so that a mixed-up result is noticed by its shape.
    body = json.dumps({**sample["request"], "number": number})
    return body.encode() + b" " * bytes_more, sample["shape"]


def _plain(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "N":
        return int(inner)
    if kind == "L":
        return [_plain(each) for each in inner]
    return {name: _plain(each) for name, each in inner.items()} if kind == "M" else inner
