import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk.cx_api import CloudAssembly

from app import build_app
from tests.stacks.templates import ROOT, StacksOf, StacksWith, write_artifacts


def test_endpoint_and_workflow_wait_for_the_foundation_and_not_for_each_other(
    assembly_of: Callable[[str], CloudAssembly],
) -> None:
    stacks = assembly_of("dev").stacks
    ids = {each.id for each in stacks}
    waits = {each.id: {other.id for other in each.dependencies} & ids for each in stacks}
    assert waits == {"Foundation": set(), "Endpoint": {"Foundation"}, "Workflow": {"Foundation"}}


def test_no_template_depends_on_the_table_that_only_a_plan_reads(stacks_of: StacksOf, stacks_with: StacksWith) -> None:
    other = {"pattern": "rate=9", "service_seconds": "p50=1,p99=9", "start_seconds": 1, "prices": "prices.toml"}
    planned, changed, without = stacks_of("dev"), stacks_with(plan=other), stacks_with(plan={})
    assert set(planned) == set(changed) == set(without) == {"Endpoint", "Foundation", "Workflow"}
    for stack, template in planned.items():
        assert template.to_json() == changed[stack].to_json() == without[stack].to_json()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the app's program and settings, and with nothing that it deploys."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # the program changes it
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def failure_of(folder: Path) -> str:
    """The one sentence with which a folder's app exits with status 1."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / "app.py"), run_name="__main__")
    assert isinstance(ended.value.code, str), "Python prints a text and exits with status 1"
    return ended.value.code


def test_a_missing_model_fails_the_app_with_one_sentence(alone: Path) -> None:
    artifacts = write_artifacts(alone / "model_artifacts")
    for path in (artifacts / "my_model").iterdir():
        path.unlink()
    failure = failure_of(alone)
    assert str(artifacts / "my_model") in failure
    assert "put the model's files there" in failure


def test_a_missing_script_fails_the_app_with_one_sentence(alone: Path) -> None:
    assert 'model.folder is "model_artifacts", which does not exist' in failure_of(alone)
    (alone / "model_artifacts").mkdir()
    assert f"{alone}/model_artifacts/code/inference.py is missing" in failure_of(alone)


def test_a_missing_function_fails_the_app_with_one_sentence(alone: Path) -> None:
    write_artifacts(alone / "model_artifacts")
    assert "lambda/submit/handler.py is missing; function submit cannot be assembled" in failure_of(alone)


def test_the_image_of_the_context_is_the_one_that_the_app_deploys(artifacts: Path, tmp_path: Path) -> None:
    made = build_app(artifacts=artifacts, outdir=tmp_path, stage="dev", image="huggingface-2.6").synth()
    (model,) = (
        each
        for each in made.get_stack_artifact("Endpoint").template["Resources"].values()
        if each["Type"] == "AWS::SageMaker::Model"
    )
    assert "/huggingface-pytorch-inference:" in model["Properties"]["PrimaryContainer"]["Image"]
