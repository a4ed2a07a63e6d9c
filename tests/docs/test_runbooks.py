"""Each alarm's runbook is in docs/operations.md, and ends in a command of ours that has the options it is given."""

import re
import shlex
import textwrap
from pathlib import Path

import boto3
import click
import pytest
from click.testing import CliRunner
from mypy_boto3_dynamodb.service_resource import Table

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds; here nothing is synthesised.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from aws_cdk.aws_cloudwatch import CfnAlarm

from async_endpoint.cli import main
from tests.stacks.templates import write_artifacts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
WITHOUT_ALARM = ("roll-back-to-the-version-before", "restore-the-jobs-table", "the-bill-is-too-high")
SCALING = "Scaling"  # its alarms start and stop instances, and notify nobody


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


SECTIONS = {anchor(heading): text for heading, text in re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", PAGE, re.MULTILINE)}


def named_in(text: str) -> list[str]:
    return re.findall(r"docs/operations\.md#([a-z-]+)", text)


def runbooks(stage: str, folder: Path) -> dict[str, list[str]]:
    """The sections that each alarm of a stage names."""
    app = build_app(artifacts=write_artifacts(folder / "artifacts"), outdir=folder / "out", stage=stage)
    return {
        each.node.path: named_in(str(each.alarm_description))
        for each in app.node.find_all()
        if isinstance(each, CfnAlarm) and SCALING not in each.node.path
    }


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return {
        f"{stage} {path}": sections
        for stage in ("dev", "prod")
        for path, sections in runbooks(stage, tmp_path_factory.mktemp(stage)).items()
    }


def commands_in(text: str) -> list[str]:
    """The command lines of ours in a text's blocks of code."""
    blocks = re.findall(r"^```\n(.*?)^```$", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ").removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("async-endpoint ")]


def help_of(line: str) -> tuple[str, list[str]]:
    """What `--help` of a command line prints, and the options that the line has."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = main
    path: list[str] = []
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    assert not isinstance(command, click.Group), f"{line}: {path} is not a command"
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0, line
    return result.output, [word for word in words[: words.index("--") if "--" in words else None] if word[:2] == "--"]


def test_every_alarm_names_one_section_that_exists(named: dict[str, list[str]]) -> None:
    assert len(named) >= 2 * 20
    assert {path: sections for path, sections in named.items() if len(sections) != 1} == {}
    assert {section for (section,) in named.values()} <= SECTIONS.keys()


def test_every_runbook_ends_in_a_command_of_ours(named: dict[str, list[str]]) -> None:
    for section in {section for (section,) in named.values()} | set(WITHOUT_ALARM):
        *_, last = SECTIONS[section].strip().splitlines()
        assert last == "```", f"{section} does not end in a block of code"
        block = SECTIONS[section].strip().removesuffix("```").rpartition("```")[2].strip()
        assert block.splitlines()[-1].startswith("async-endpoint "), section


@pytest.mark.parametrize("line", sorted(set(commands_in(PAGE))))
def test_every_command_exists_and_has_its_options(line: str) -> None:
    printed, options = help_of(line)
    assert [option for option in options if option not in printed] == []


def test_no_page_uses_a_command_that_version_1_of_the_aws_cli_lacks() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert [page.name for page in pages if "logs tail" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("word", ["async-endpoint cancel", "dlq purge", "async-endpoint retry", "The bill is too high"])
def test_the_words_that_operators_look_for_are_there(word: str) -> None:
    assert word in PAGE


def test_lost_items_are_copied_back_and_newer_ones_stay(
    jobs_table: Table, aws_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
    }.items():
        monkeypatch.setenv(name, value)
    restored = boto3.resource("dynamodb").create_table(
        TableName=f"{jobs_table.name}-restored",
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for job_id in ("lost", "newer"):
        restored.put_item(Item={"job_id": job_id, "state": "SUBMITTED"})
    jobs_table.put_item(Item={"job_id": "newer", "state": "COMPLETED"})

    (snippet,) = re.findall(r"```python\n(.*?)```", SECTIONS["restore-the-jobs-table"], re.DOTALL)
    exec(textwrap.dedent(snippet).replace("TABLE", jobs_table.name), {})  # noqa: S102 - it is the page's own

    found = {item["job_id"]: item["state"] for item in jobs_table.scan()["Items"]}
    assert found == {"lost": "SUBMITTED", "newer": "COMPLETED"}
    assert capsys.readouterr().out == "newer stays\n"
