"""Deploy, deploy a change, roll back, deploy the change again: each time what was asked for processes documents."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from demo.deployment import ROOT, Cdk, Deployment, synthesised_region
from tests.end_to_end.conftest import SPEED, Stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

STACK = "async-endpoint-dev-endpoint"
COMMAND = Path(sys.executable).with_name("async-endpoint")
SECONDS = 600


@dataclass
class Operator:
    """The commands of an operator, on a bootstrapped local AWS."""

    local: LocalAws
    region: str
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = self.local.client_environment(os.environ) | {"CI": "true", "AWS_DEFAULT_REGION": self.region}
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def deploy(self, version: str) -> None:
        outputs = str(self.folder / "outputs.json")
        cdk = ("npx", "cdk", "deploy", "--all", "--app", str(self.folder / version), "--require-approval", "never",
               "--outputs-file", outputs, "--no-notices")  # fmt: skip
        done = self.run("deploy", "--stack", STACK, "--region", self.region, "--", *cdk)
        assert done.returncode == 0, done.stdout
        assert "not kept" not in done.stdout, done.stdout

    def diff(self, version: str) -> str:
        app = str(self.folder / version)
        return Cdk(self.local, self.folder / "cdk.log").run("diff", "--app", app, "Endpoint", "--exclusively")


@pytest.fixture(scope="module")
def operator(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Two versions of the app, which differ in the batch size, and neither is deployed."""
    folder = tmp_path_factory.mktemp("rollback")
    local = LocalAws.start(serving, state_dir=folder / "local-aws", speed=SPEED, tied=True)
    try:
        cdk = Cdk(local, folder / "cdk.log")
        for version, batch_size in (("one", 8), ("two", 3)):
            app = app_with(folder / f"app-{version}", batch_size)
            cdk.run("synth", "--app", f"{sys.executable} {app}", "--quiet", "--output", str(folder / version))
        region = synthesised_region(folder / "one")
        Cdk(local, folder / "cdk.log", str(folder / "one")).bootstrap(region)
        with pytest.MonkeyPatch.context() as environment:
            for name, value in local.environment(region).items():
                environment.setenv(name, value)
            yield Operator(local, region, folder)
    finally:
        local.stop()


def app_with(folder: Path, batch_size: int) -> Path:
    """A copy of what synth reads, with another batch size; returns the path of app.py."""
    folder.mkdir()
    for name in ("config", "stacks", "model_artifacts", "lambda", "src/async_endpoint/protocol"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "training"))
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    config = folder / "config" / "dev.toml"
    settings = config.read_text(encoding="utf-8")
    config.write_text(settings.replace("batch_size = 8", f"batch_size = {batch_size}"), encoding="utf-8")
    return folder / "app.py"


def concurrency(stage: Stage) -> int:
    found: Any = stage.deployment.describe()["AsyncInferenceConfig"]["ClientConfig"]
    return int(found["MaxConcurrentInvocationsPerInstance"])


def test_a_rollback_restores_the_version_before_and_the_next_deploy_works(
    operator: Operator, receipts: list[tuple[bytes, dict[str, str]]]
) -> None:
    operator.deploy("one")
    outputs = json.loads((operator.folder / "outputs.json").read_text(encoding="utf-8"))
    deployment = Deployment.from_outputs({name: value for stack in outputs.values() for name, value in stack.items()})
    stage = Stage(operator.local, Cdk(operator.local, operator.folder / "cdk.log"), deployment, topics_heard="")
    first = concurrency(stage)
    operator.deploy("two")
    second = concurrency(stage)
    assert first != second

    listed = operator.run("rollback", "--stage", "dev", "--list").stdout
    assert [line.rstrip().endswith("deployed") for line in listed.splitlines()[1:]] == [True, False], listed
    asked = operator.run("rollback", "--stage", "dev")
    assert asked.returncode == 1
    assert "Nothing was changed" in asked.stdout
    planned = boto3.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"]
    assert [each for each in planned if "rollback" in each["ChangeSetName"]] == []

    sample = str(ROOT / "samples" / "receipts" / "receipt-000.jpg")
    done = operator.run("rollback", "--stage", "dev", "--yes", "--sample", sample)

    assert done.returncode == 0, done.stdout
    assert "Modify AWS::SageMaker::Endpoint " in done.stdout
    assert "receipt-000.jpg was processed: " in done.stdout
    assert concurrency(stage) == first
    assert "There were no differences" in operator.diff("one")
    assert "There were no differences" not in operator.diff("two")
    assert "is deployed: there is nothing to do" in operator.run(
        "rollback", "--stage", "dev", "--to", listed.splitlines()[2].split()[0]
    ).stdout  # fmt: skip
    refused = operator.run("rollback", "--stage", "dev", "--yes")
    assert refused.returncode == 1
    assert "No version before the deployed one is kept" in refused.stdout

    operator.deploy("two")

    assert concurrency(stage) == second
    invoked = stage.invoke(stage.put(receipts[1][0], "again.png"), ContentType="image/png")
    assert stage.outcome(invoked)[0] == "output"
    assert "There were no differences" in operator.diff("two")
