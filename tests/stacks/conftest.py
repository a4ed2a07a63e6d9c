"""The stages' templates, each synthesised once: real settings and cdk.json, and a model of a few bytes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds. Its schema validation takes
    # seconds per synth; test_synth.py runs it once.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from aws_cdk.assertions import Template
from aws_cdk.cx_api import CloudAssembly

from tests.stacks.templates import StacksOf, StacksWith, TemplateWith, dev, write_artifacts


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like model_artifacts/, with a model of a few bytes."""
    folder = write_artifacts(tmp_path_factory.mktemp("artifacts"))
    # Of the bundled code: without it, no image with Multi Model Server has batches.
    (folder / "code" / "multi_model_server.py").touch()
    return folder


def templates_of(assembly: CloudAssembly) -> dict[str, Template]:
    return {stack.id: Template.from_json(stack.template) for stack in assembly.stacks}


@pytest.fixture(scope="session")
def assembly_of(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], CloudAssembly]:
    """Returns a stage's synthesised app."""
    return cache(
        lambda stage: build_app(artifacts=artifacts, outdir=tmp_path_factory.mktemp(stage), stage=stage).synth()
    )


@pytest.fixture(scope="session")
def stacks_of(assembly_of: Callable[[str], CloudAssembly]) -> StacksOf:
    """Returns a stage's templates by the stack's id."""
    return cache(lambda stage: templates_of(assembly_of(stage)))


@pytest.fixture(scope="session")
def foundation(stacks_of: StacksOf) -> Template:
    return stacks_of("dev")["Foundation"]


@pytest.fixture(scope="session")
def endpoint(stacks_of: StacksOf) -> Template:
    return stacks_of("dev")["Endpoint"]


@pytest.fixture(scope="session")
def workflow(stacks_of: StacksOf) -> Template:
    return stacks_of("dev")["Workflow"]


@pytest.fixture(scope="session")
def stacks_with(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> StacksWith:
    """Returns the templates of dev with changed settings, as `dev` takes them; equal changes are synthesised once."""
    made: dict[str, dict[str, Template]] = {}

    def templates(**changed: object) -> dict[str, Template]:
        key = repr(sorted(changed.items()))
        if key not in made:
            outdir = tmp_path_factory.mktemp("changed")
            made[key] = templates_of(build_app(dev(**changed), artifacts=artifacts, outdir=outdir).synth())
        return made[key]

    return templates


@pytest.fixture(scope="session")
def foundation_with(stacks_with: StacksWith) -> TemplateWith:
    """Returns the foundation's template of dev with changed settings."""
    # Most of a synth's time goes into the functions of the workflow.
    return lambda **changed: stacks_with(workflow__enabled=False, **changed)["Foundation"]


@pytest.fixture(scope="session")
def endpoint_with(stacks_with: StacksWith) -> TemplateWith:
    """Returns the endpoint's template of dev with changed settings."""
    return lambda **changed: stacks_with(workflow__enabled=False, **changed)["Endpoint"]


@pytest.fixture(scope="session")
def workflow_with(stacks_with: StacksWith) -> TemplateWith:
    """Returns the workflow's template of dev with changed settings."""
    return lambda **changed: stacks_with(**changed)["Workflow"]
