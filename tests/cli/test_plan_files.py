"""`async-endpoint plan --report` and `--plot`: files beside the output, and what is wrong with them in a sentence."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from async_endpoint.cli import main
from tests.planner.stages import documented

ENOUGH = ("--pattern", "rate=20,days=2", "--service-seconds", "30", "--start-seconds", "p50=200,p95=300")


@pytest.fixture(autouse=True)
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a template of a stage, `dev <out>`, in the current one."""
    folder = tmp_path / "dev <out>"
    folder.mkdir()
    (folder / "Stage.template.json").write_text(json.dumps({"Resources": documented()}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", "dev <out>", *ENOUGH, *arguments])


def test_a_page_has_the_table_and_the_command_that_prints_it() -> None:
    result = plan("--price-region", "us-east-1", "--seed", "3", "--report", "plan.HTML")
    assert result.exit_code == 0, result.output
    page = Path("plan.HTML").read_text(encoding="utf-8")
    rows = [re.split(" {2,}", line.strip()) for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert len(rows) == 14
    for label, cell in rows[1:]:
        assert re.search(rf'>( *){re.escape(label)}</th><td class="number">{re.escape(cell)}</td>', page)
    command = (
        "async-endpoint plan &#39;dev &lt;out&gt;&#39; --pattern rate=20,days=2 --service-seconds 30 --start-seconds"
    )
    assert f"{command} p50=200,p95=300 --seed 3 --price-region us-east-1</pre>" in page
    assert "plan.HTML" not in page
    assert "2 days from a Monday" in page


def test_the_output_and_the_page_do_not_depend_on_each_other() -> None:
    alone, as_table = plan("--json"), plan("--report", "one.html")
    as_json = plan("--json", "--report", "two.html", "--plot", "plan.png")
    assert (as_json.stdout, as_table.exit_code) == (alone.stdout, 0)
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()
    with Image.open("plan.png") as image:
        assert (image.format, image.width > 1000) == ("PNG", True)


def test_dates_of_arrivals_are_on_the_page_and_seconds_have_none() -> None:
    times = ("--service-seconds", "1", "--start-seconds", "1", "--report", "plan.html")
    for text, days in (("2026-11-02T09:00:00Z\n", "1 day from Mon, 2 Nov 2026"), ("5\n", "1 day from a Monday")):
        Path("arrivals.csv").write_text(text, encoding="utf-8")
        result = CliRunner().invoke(main, ["plan", "dev <out>", "--arrivals", "arrivals.csv", *times])
        assert result.exit_code == 0, result.output
        assert days in Path("plan.html").read_text(encoding="utf-8")


def test_a_report_is_replaced_and_another_page_is_not() -> None:
    Path("empty.html").touch()
    assert [plan("--report", "empty.html").exit_code for _ in range(2)] == [0, 0]
    Path("mine.html").write_text("<p>mine", encoding="utf-8")
    result = plan("--report", "mine.html")
    assert result.exit_code == 2
    assert "mine.html exists and is no report of this command: name another file, or remove it." in result.stderr
    assert Path("mine.html").read_text(encoding="utf-8") == "<p>mine"


def test_a_link_to_a_report_stays_one_and_no_other_file_is_left() -> None:
    Path("pages").mkdir()
    Path("plan.html").symlink_to("pages/plan.html")
    assert plan("--report", "plan.html").exit_code == 0
    assert Path("plan.html").is_symlink()
    assert [each.name for each in Path("pages").iterdir()] == ["plan.html"]


@pytest.mark.parametrize("option", ["report", "plot"])
def test_a_file_that_cannot_be_written_is_a_sentence_after_the_table(option: str, tmp_path: Path) -> None:
    name = {"report": "taken.html", "plot": "taken.png"}[option]
    Path(name).symlink_to(tmp_path / "no folder" / name)
    result = plan(f"--{option}", name)
    assert result.exit_code == 1
    assert "Simulated: nothing was measured on AWS." in result.stdout
    assert f"Error: The {option} {name} cannot be written: No such file or directory." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "plan.txt"], "--report writes a page of HTML: name a file that ends with .html, not plan.txt."),
        (["--report", "none/plan.html"], "There is no folder none for plan.html: create it, or name another one."),
        (["--plot", "plan.svg"], "--plot writes a PNG: name a file that ends with .png, not plan.svg."),
        (["--report", "."], "is a directory"),
    ],
)
def test_what_is_wrong_with_a_name_is_said_before_anything_is_simulated(arguments: list[str], message: str) -> None:
    result = plan(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "library", "module", "extra"),
    [
        (["--report", "plan.html"], "jinja2", "page", "report"),
        (["--plot", "plan.png"], "matplotlib.figure", "picture", "plot"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    arguments: list[str], library: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    name = f"async_endpoint.operations.plan_report.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("async_endpoint.operations.plan_report." + module, raising=False)
    result = plan(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    needs = f"`{arguments[0]}` needs {library.partition('.')[0]}: install it with"
    assert f"{needs} `pip install 'async-endpoint[{extra}]'`." in result.stderr
    assert plan().exit_code == 0
