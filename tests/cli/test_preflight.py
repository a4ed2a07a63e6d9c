"""`async-endpoint preflight`: its output, its exit status, and its place in `make deploy`."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.operations.preflight import Check, Status

# The package has the command of that name in the module's stead.
MODULE = importlib.import_module("async_endpoint.cli.preflight")
ROOT = Path(__file__).resolve().parents[2]
GOOD = Check("region", Status.OK, "eu-west-1 is enabled.")
DOUBTFUL = Check("quota", Status.WARNING, "It is 1.", "aws service-quotas …")
BAD = Check("bootstrap", Status.ERROR, "There is none.", "npx cdk bootstrap aws://1/eu-west-1")


@pytest.fixture
def app(tmp_path: Path) -> str:
    """The folder of an app with one empty stack."""
    stack = {"type": "aws:cloudformation:stack", "environment": "aws://1/eu-west-1"}
    artifacts = {"S": stack | {"properties": {"templateFile": "S.json", "stackName": "s"}}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (tmp_path / "S.json").write_text("{}")
    return str(tmp_path)


def check(monkeypatch: pytest.MonkeyPatch, checks: list[Check], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(MODULE, "run", lambda *_: checks)
    result = CliRunner().invoke(main, ["preflight", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize(("checks", "status"), [([GOOD], 0), ([GOOD, DOUBTFUL], 0), ([GOOD, DOUBTFUL, BAD], 1)])
def test_only_an_error_stops_a_deploy(
    monkeypatch: pytest.MonkeyPatch, app: str, checks: list[Check], status: int
) -> None:
    assert check(monkeypatch, checks, "--app", app)[0] == status


def test_each_check_is_a_line_with_its_fix_below(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    _, output = check(monkeypatch, [GOOD, BAD], "--app", app)
    assert output.splitlines() == [
        "ok       region     eu-west-1 is enabled.",
        "error    bootstrap  There is none.",
        "                    → npx cdk bootstrap aws://1/eu-west-1",
    ]


def test_json_is_one_document(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    _, output = check(monkeypatch, [GOOD, BAD], "--app", app, "--json")
    assert json.loads(output) == {
        "ready": False,
        "checks": [
            {"name": "region", "status": "ok", "message": GOOD.message, "fix": None},
            {"name": "bootstrap", "status": "error", "message": BAD.message, "fix": BAD.fix},
        ],
    }


@pytest.mark.parametrize("arguments", [[], ["--stage", "dev", "--app", "."], ["--app", "."]])
def test_a_stage_or_a_synthesised_app_must_be_named(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    status, output = check(monkeypatch, [GOOD], *arguments)
    assert status == 2
    assert "--app" in output or "cdk synth" in output


def test_a_profile_that_does_not_exist_is_a_check_and_no_traceback(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = CliRunner().invoke(main, ["preflight", "--app", app])
    assert result.exit_code == 1
    assert result.output.startswith("error    credentials")


@pytest.mark.parametrize("given", [[], ["SKIP_PREFLIGHT=1"]])
def test_make_deploy_checks_what_it_deploys_unless_it_is_told_to_skip_that(given: list[str]) -> None:
    # Nothing is run; what the target needs is taken to exist.
    made = ["-o", ".venv/.done", "-o", "node_modules/.done"]
    recipe = subprocess.run(
        ["make", "--dry-run", *made, "deploy", *given],  # noqa: S607 - make is found on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ('preflight --app "$work/app"' in recipe) == (not given)
    assert 'cdk deploy --all --app "$work/app"' in recipe
    # Synthesis is silent for tens of seconds.
    assert "echo 'Synthesising stage dev…'" in recipe[: recipe.index("npx cdk synth")]
    if not given:
        assert recipe.index("preflight --app") < recipe.index("cdk deploy")
