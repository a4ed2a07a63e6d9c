"""The stages' templates, made once, from the real settings and cdk.json and from small artifacts of the tests' own."""

from collections.abc import Callable
from pathlib import Path

import pytest

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds. Its schema validation takes
    # seconds a synth; test_synth.py runs it once.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from aws_cdk.assertions import Template

from tests.stacks.templates import write_artifacts


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as model_artifacts/, with a model of a few bytes."""
    return write_artifacts(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def stacks_of(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Template]]:
    """Gives a stage's templates by the stack's id; each stage is synthesised once."""
    made: dict[str, dict[str, Template]] = {}

    def of(stage: str) -> dict[str, Template]:
        if stage not in made:
            assembly = build_app(artifacts=artifacts, outdir=tmp_path_factory.mktemp(stage), stage=stage).synth()
            made[stage] = {stack.id: Template.from_json(stack.template) for stack in assembly.stacks}
        return made[stage]

    return of


@pytest.fixture(scope="session")
def foundation(stacks_of: Callable[[str], dict[str, Template]]) -> Template:
    return stacks_of("dev")["Foundation"]


@pytest.fixture(scope="session")
def endpoint(stacks_of: Callable[[str], dict[str, Template]]) -> Template:
    return stacks_of("dev")["Endpoint"]


@pytest.fixture(scope="session")
def workflow(stacks_of: Callable[[str], dict[str, Template]]) -> Template:
    return stacks_of("dev")["Workflow"]
