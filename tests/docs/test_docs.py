"""What a user can call or read is in the docs, and nothing else is; every link leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds; here nothing is synthesised.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from aws_cdk import CfnOutput
from aws_cdk.aws_cloudwatch import CfnAlarm

from async_endpoint.cli.reference import render
from tests.stacks.templates import write_artifacts

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").rglob("*.md")])
Rows = dict[str, list[str]]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows_of(name: str, first_cell: str) -> Rows:
    """The rows of a file's tables whose first cell is code of that form: what it says → the other cells."""
    lines = re.findall(rf"^\| `({first_cell})` \|(.*)\|$", text_of(name), re.MULTILINE)
    assert len(dict(lines)) == len(lines), "something has two rows"
    return {key: [cell.strip() for cell in rest.split(" | ")] for key, rest in lines}


def test_the_reference_of_commands_is_current() -> None:
    assert text_of("docs/command-line.md") == render(), "docs/command-line.md is not current: run `make command-docs`."


def test_every_runbook_that_an_alarm_names_is_there(tmp_path: Path) -> None:
    app = build_app(artifacts=write_artifacts(tmp_path / "artifacts"), outdir=tmp_path / "out")
    texts = [str(each.alarm_description) for each in app.node.find_all() if isinstance(each, CfnAlarm)]
    named = {place for text in texts for place in re.findall(r"Runbook: (\S+) in the", text)}
    assert len(named) > 5
    for place in named:
        assert resolves(ROOT / "README.md", place), place


def test_every_output_of_the_stacks_is_documented_and_no_other(tmp_path: Path) -> None:
    app = build_app(artifacts=write_artifacts(tmp_path / "artifacts"), outdir=tmp_path / "out")
    outputs = {each.node.id for each in app.node.find_all() if isinstance(each, CfnOutput)}
    assert outputs
    assert rows_of("docs/client.md", "[A-Z][A-Za-z]+").keys() == outputs


def test_every_make_target_is_documented_and_no_other() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", text_of("Makefile"), re.MULTILINE)
    assert declared
    documented = {target.removeprefix("make ") for target in rows_of("CONTRIBUTING.md", "make [a-z-]+")}
    assert documented == set(declared[1].split())


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_shows_both_commands(command: str) -> None:
    assert f"\n```\n{command}\n```\n" in text_of("README.md")


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[\d{4}: .+\]\((.+)\)$", text_of("docs/decisions/README.md"), re.MULTILINE)
    assert listed == sorted(path.name for path in decisions.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in links_of(page) if not resolves(page, link)]
    assert broken == []


def links_of(page: Path) -> list[str]:
    """The links of a page that stay in the repository."""
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page))
    return [link for link in links if not re.match(r"[a-z]+:", link)]


def resolves(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and ROOT in [target, *target.parents] and (not anchor or anchor in anchors_of(target))


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
