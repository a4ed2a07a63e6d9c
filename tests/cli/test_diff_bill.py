"""The bill and the wait in `async-endpoint diff`: tables as text and Markdown, beside everything else it prints."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from tests.operations.diff.repository import Repository
from tests.planner.stages import endpoint, target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAN = """
[plan]
pattern = "rate=10,days=1"
service_seconds = 30
start_seconds = 240
concurrency = 1
price_region = "us-east-1"
"""
OPTIONS = "--pattern rate=10,days=1 --service-seconds 30 --start-seconds 240 --concurrency 1 --price-region us-east-1"
ONE = {"Resources": endpoint()}
TWO = {"Resources": endpoint(instances=2)}


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", *arguments])


def compare(folder: Path, base: dict[str, Any], head: dict[str, Any], *options: str) -> Result:
    for name, template in (("base", base), ("head", head)):
        (folder / name).mkdir()
        (folder / name / "Endpoint.template.json").write_text(json.dumps(template), encoding="utf-8")
    (folder / "dev.toml").write_text(PLAN, encoding="utf-8")
    return diff(str(folder / "base"), str(folder / "head"), "--plan", str(folder / "dev.toml"), *options)


def test_text_has_a_table_below_the_changes(tmp_path: Path) -> None:
    done = compare(tmp_path, ONE, TWO)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "  ! replaced  AWS::SageMaker::EndpointConfig  Config (ProductionVariants)"
    assert f"Bill and wait with {OPTIONS}:" in lines
    rows = {cells[0]: cells[1:] for cells in (re.split(" {2,}", line.strip()) for line in lines)}
    assert rows["before"] == ["after", "change"]
    assert rows["of which instances"] == ["530.21", "1,060.42", "+530.21"]  # 720 h of 0.7364 USD
    assert rows["expired"] == ["0", "0"]
    assert {"USD a month", "wait p50", "wait p95", "wakes", "longest wake"} <= rows.keys()


def test_markdown_has_a_table_that_github_draws(tmp_path: Path) -> None:
    done = compare(tmp_path, ONE, TWO, "--markdown", "--title", "dev")
    assert done.output.startswith("### dev\n\n| | resource | type |\n")
    heading = f"\n\n**Bill and wait** with `{OPTIONS}`\n\n| | before | after | change |\n|---|---:|---:|---:|\n"
    assert heading in done.output
    assert "\n| of which instances | 530.21 | 1,060.42 | +530.21 |\n" in done.output
    assert "\n\n- Not priced: AWS::SageMaker::Endpoint (" in done.output
    assert "Simulated: nothing was measured on AWS.\n" in done.output


def test_a_missing_price_is_no_change_of_the_bill(tmp_path: Path) -> None:
    unknown = endpoint()
    unknown["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = "ml.new.xlarge"
    done = compare(tmp_path, ONE, {"Resources": unknown}, "--markdown")
    assert re.search(r"\n\| USD a month \| 530\.\d\d \| without instances 0\.\d\d \|  \|\n", done.output)
    assert "\n| of which instances | 530.21 | no price |  |\n" in done.output


def test_equal_templates_are_not_simulated(tmp_path: Path) -> None:
    assert compare(tmp_path, ONE, ONE).output == "No differences.\n"


def test_a_plan_that_fails_leaves_the_diff_and_the_exit_status(tmp_path: Path) -> None:
    bucket = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}}}
    broken = {"Resources": endpoint() | bucket | target() | {"Second": target()["Target"]}}
    done = compare(tmp_path, broken, {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {}}}})
    assert "  + added     AWS::IAM::Role  Role" in done.output
    assert "\nBill and wait: not planned. No asynchronous endpoint is in it" in done.output
    assert "Traceback" not in done.output
    assert done.exit_code == 1  # because the bucket is removed


def test_a_side_that_is_missing_is_a_dash(tmp_path: Path) -> None:
    done = compare(tmp_path, {"Resources": {"Role": {"Type": "AWS::IAM::Role"}}}, ONE, "--markdown")
    assert "\n| of which instances | – | 530.21 |  |\n" in done.output  # noqa: RUF001 - a dash
    assert "\n- Before: not planned. No asynchronous endpoint is in it" in done.output


def test_the_file_of_a_plan_goes_with_two_folders(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_text(PLAN, encoding="utf-8")
    done = diff("--base", "HEAD", "--plan", str(tmp_path / "dev.toml"))
    assert done.exit_code == 2
    assert "--plan goes with two folders: with --base, each stage has a file of its own." in done.output


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository whose stages dev and prod are committed, and have changed since; only dev has a plan now."""
    repository = Repository.create(tmp_path, monkeypatch)
    for stage in ("dev", "prod"):
        repository.write_stage(stage, ONE)
    repository.commit()
    for stage in ("dev", "new", "prod"):
        repository.write_stage(stage, TWO)
    for stage in ("dev", "new"):
        (repository.folder / "config" / f"{stage}.toml").write_text(PLAN, encoding="utf-8")
    yield repository
    assert repository.worktrees == 1


@pytest.mark.usefixtures("repository")
def test_each_stage_of_a_commit_is_planned_with_its_own_table() -> None:
    done = diff("--base", "HEAD", "--markdown")
    assert done.exit_code == 0, done.output
    _, dev, new, prod = done.output.split("### ")
    assert "\n| of which instances | 530.21 | 1,060.42 | +530.21 |\n" in dev
    assert "\n| of which instances | – | 1,060.42 |  |\n" in new  # noqa: RUF001 - a dash
    assert "\nBill and wait: not planned. Add a table [plan] to prod.toml with " in prod
