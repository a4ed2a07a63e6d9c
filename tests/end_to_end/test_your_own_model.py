"""A model of one's own is deployed by a folder and a stage's file, and by nothing else."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from demo.deployment import ROOT, Cdk, Deployment, copied_app, synthesised_region
from tests.end_to_end.conftest import SPEED, Stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

EXAMPLE = "samples/tiny_classifier"


def test_the_tiny_classifier_is_packed_deployed_and_right(
    serving: ServingEnvironments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_with_the_example_alone(tmp_path / "app")
    local = LocalAws.start(serving, state_dir=tmp_path / "local-aws", speed=SPEED, tied=True)
    try:
        cdk = Cdk(local, tmp_path / "cdk.log")
        assembly = str(tmp_path / "cdk.out")
        cdk.run("synth", "--app", f"{sys.executable} {app}", "-c", "stage=shapes", "--quiet", "--output", assembly)
        cdk = Cdk(local, tmp_path / "cdk.log", assembly)
        region = synthesised_region(Path(assembly))
        cdk.bootstrap(region)
        deployment = Deployment.from_outputs(cdk.deploy(tmp_path / "outputs.json"))
        for name, value in local.environment(region).items():
            monkeypatch.setenv(name, value)
        stage = Stage(local, cdk, deployment, topics_heard="")

        answers, shapes = [], []
        for line in (ROOT / EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines()[:3]:
            sample = json.loads(line)
            kind, body = ask(stage, json.dumps(sample["request"]))
            assert kind == "output", body
            answers.append(json.loads(body))
            shapes.append(sample["shape"])
        kind, refusal = ask(stage, '{"pixels": [[2]]}')
    finally:
        local.stop()

    assert [answer["shape"] for answer in answers] == shapes
    assert len(set(shapes)) > 1  # one answer for everything would not do
    assert {len(answer["model_version"]) for answer in answers} == {12}
    assert (kind, b"The pixels are not 16 by 16 from 0 to 1: send" in refusal) == ("failure", True)


def ask(stage: Stage, request: str) -> tuple[str, bytes]:
    location = stage.put(request.encode(), "request.json")
    return stage.outcome(stage.invoke(location, ContentType="application/json"))


def app_with_the_example_alone(folder: Path) -> Path:
    """Copy what synth reads, without the Donut and its stages; returns the path of app.py."""
    app = copied_app(folder)
    shutil.copytree(ROOT / EXAMPLE, folder / EXAMPLE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / EXAMPLE / "stage.toml", folder / "config" / "shapes.toml")
    return app
