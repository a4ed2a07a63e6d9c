"""`async-endpoint plan`: a table, JSON, and what is wrong in a sentence."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from tests.planner.stages import documented, endpoint

ENOUGH = ("--pattern", "rate=20,days=2", "--service-seconds", "30", "--start-seconds", "240")


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of templates: `fixed` runs one instance, `scaled` sleeps."""
    other = endpoint()
    other["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = "ml.g5.xlarge"
    for name, resources in (("fixed", endpoint()), ("scaled", documented()), ("other", other)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Stage.template.json").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", *arguments])


def rows(output: str) -> dict[str, list[str]]:
    lines = [re.split(" {2,}", line.strip()) for line in output.splitlines()]
    return {label: cells for label, *cells in lines if len(cells) == 2}


@pytest.mark.usefixtures("stages")
def test_stages_are_side_by_side() -> None:
    result = plan("fixed", "scaled", *ENOUGH, "--price-region", "us-east-1")
    assert result.exit_code == 0, result.output
    found = rows(result.stdout)
    assert found["instance hours a month"][0] == "720.0"
    assert found["of which instances"][0] == "530.21"  # 720 h of 0.7364 USD
    assert found["time at zero"][0] == "0%"
    assert float(found["of which instances"][1]) < 530
    assert {"USD a month", "requests", "wait p50", "wait p95", "wait p99", "expired", "wakes"} <= found.keys()
    assert "Simulated: nothing was measured on AWS." in result.stdout


@pytest.mark.usefixtures("stages")
def test_json_has_every_line_of_the_bill_with_its_source() -> None:
    result = plan("scaled", *ENOUGH, "--price-region", "us-east-1", "--json")
    (found,) = json.loads(result.stdout)["plans"]
    assert found["processed"] + found["expired"] + found["unfinished"] == found["requests"] > 500
    assert found["usd_a_month"] == pytest.approx(sum(line["usd"] for line in found["bill"]), abs=0.01)
    assert found["bill"][0]["usage_type"] == "USE1-Host:ml.g4dn.xlarge"
    assert found["wait_seconds"]["p50"] <= found["wait_seconds"]["p99"]


def test_the_concurrency_that_the_template_allows_is_said_to_be_assumed(stages: Path) -> None:
    template = json.dumps({"Resources": endpoint(concurrency=16)})
    (stages / "fixed" / "Stage.template.json").write_text(template, encoding="utf-8")
    assumed = "Each instance was taken to process 16 requests at a time, as the template lets it"
    assert assumed in plan("fixed", *ENOUGH).stdout
    assert "requests at a time" not in plan("fixed", *ENOUGH, "--concurrency", "1").stdout


@pytest.mark.usefixtures("stages")
def test_a_file_of_arrivals_is_the_traffic() -> None:
    Path("arrivals.csv").write_text("0\n0\n0\n", encoding="utf-8")
    times = ("--service-seconds", "30", "--start-seconds", "240")
    result = plan("fixed", "--arrivals", "arrivals.csv", *times, "--concurrency", "2", "--json")
    (found,) = json.loads(result.stdout)["plans"]
    assert (found["requests"], found["simulated_seconds"]) == (3, 86_400)
    assert found["wait_seconds"] == {"p50": 0, "p95": 30, "p99": 30}
    assert found["not_priced"][0].startswith("instances: the table has no price of ml.g4dn.xlarge in an unknown region")


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fixed", "--service-seconds", "1", "--start-seconds", "1"], "Describe the traffic by --pattern"),
        (["fixed", *ENOUGH[:4]], "Give --service-seconds and --start-seconds"),
        (["fixed", *ENOUGH, "--arrivals", "fixed/Stage.template.json"], ": one of them"),
        (["fixed", *ENOUGH, "--pattern", "rate=0"], "has no request"),
        (["fixed", *ENOUGH[:2], "--service-seconds", "soon", "--start-seconds", "1"], "'soon' is no duration"),
        (["fixed", *ENOUGH, "--service-seconds", "31"], "--service-seconds has two durations of no type"),
        (["fixed", *ENOUGH, "--metric-delay", "9-1"], "--metric-delay is a number of seconds"),
        ([".", *ENOUGH], "has no file *.template.json"),
        (["none", *ENOUGH], "Path 'none' does not exist"),
        (["fixed", *ENOUGH, "--service-seconds", "ml.g4dn.xlage:1"], "names ml.g4dn.xlage, and the planned types are"),
        (["fixed", "other", *ENOUGH, "--instance-price", "1"], "--instance-price is the price of one type"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_status_2(arguments: list[str], message: str) -> None:
    result = plan(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


TABLE = """
[plan]
pattern = "rate=20,days=2"
service_seconds = 30
start_seconds = "p50=200,p95=300"
concurrency = 1
price_region = "us-east-1"
"""
AS_TABLE = (*ENOUGH[:2], "--service-seconds", "30", "--start-seconds", "p50=200,p95=300", "--concurrency", "1")


def write_stage(folder: Path, text: str) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "dev.toml").write_text(text, encoding="utf-8")


def test_the_table_of_the_stage_has_the_options_that_are_not_given(stages: Path) -> None:
    write_stage(stages, TABLE)
    region = ("--price-region", "us-east-1")

    alone = plan("scaled", "--stage", "dev")

    assert alone.exit_code == 0, alone.output
    assert alone.stdout == plan("scaled", *AS_TABLE, *region).stdout
    mixed = plan("scaled", "--stage", "dev", "--service-seconds", "60", "--seed", "1").stdout
    assert (
        mixed == plan("scaled", *AS_TABLE[:2], "--service-seconds", "60", *AS_TABLE[4:], *region, "--seed", "1").stdout
    )
    assert mixed != alone.stdout


def test_what_a_sweep_varies_is_not_that_of_the_table(stages: Path) -> None:
    write_stage(stages, TABLE)
    result = plan("fixed", "--stage", "dev", "--sweep", "concurrency=1,2")
    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.stdout.splitlines()[1:3]} == {"1", "2"}


def test_a_report_says_what_the_table_has(stages: Path) -> None:
    write_stage(stages, TABLE)
    result = plan("fixed", "--stage", "dev", "--report", "plan.html")
    assert result.exit_code == 0, result.output
    page = (stages / "plan.html").read_text(encoding="utf-8")
    assert "async-endpoint plan fixed --stage dev<" in page
    assert {"rate=20,days=2", "30 seconds", "p50=200,p95=300 seconds"} <= set(re.split("[<>]", page))


@pytest.mark.parametrize("is_in_table", [True, False])
def test_a_traffic_that_is_given_replaces_that_of_the_table(stages: Path, *, is_in_table: bool) -> None:
    (stages / "arrivals.csv").write_text("0\n0\n0\n", encoding="utf-8")
    arrivals = TABLE.replace('pattern = "rate=20,days=2"', 'arrivals = "arrivals.csv"')
    write_stage(stages, arrivals if is_in_table else TABLE)

    from_table = plan("fixed", "--stage", "dev", "--json")
    given = plan("fixed", "--stage", "dev", "--json", *(ENOUGH[:2] if is_in_table else ("--arrivals", "arrivals.csv")))

    requests = [json.loads(each.stdout)["plans"][0]["requests"] for each in (from_table, given)]
    assert (requests[0] == 3, requests[1] == 3) == (is_in_table, not is_in_table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "config/dev.toml cannot be read: No such file or directory."),
        ("", "config/dev.toml has no table [plan]: add it, or leave out --stage."),
        ("[plan", "config/dev.toml is not TOML"),
        (TABLE + "speed = 1\n", "[plan] of dev.toml: speed is not a setting"),
        (TABLE.replace("rate=20", "rate=no"), "'no'"),
    ],
)
def test_what_is_wrong_with_the_stage_s_table_is_a_sentence(stages: Path, text: str | None, message: str) -> None:
    if text is not None:
        write_stage(stages, text)
    result = plan("fixed", "--stage", "dev")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("stages")
def test_what_still_waits_at_the_end_is_reported() -> None:
    result = plan("fixed", "--pattern", "rate=100,days=1", "--service-seconds", "60", "--start-seconds", "1")
    assert "requests still waited at the end; the waits are those of the others." in result.stdout


@pytest.mark.usefixtures("stages")
def test_old_prices_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_endpoint.planner.prices.PriceTable.warning", lambda *_: "They are old.")
    assert "Warning: They are old." in plan("fixed", *ENOUGH).stderr
