"""`async-endpoint plan --sweep`: a row for each configuration, the cheapest within a limit, and what is wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from tests.stacks.templates import dev, write_artifacts

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

OFFICE = ("--pattern", "office-rate=10,days=2", "--start-seconds", "240", "--price-region", "us-east-1")
GIVEN = (*OFFICE, "--service-seconds", "30", "--concurrency", "1")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The synthesised stage dev."""
    made = tmp_path_factory.mktemp("dev")
    artifacts = write_artifacts(made / "artifacts")
    (artifacts / "code" / "multi_model_server.py").touch()
    build_app(dev(), artifacts=artifacts, outdir=made / "out").synth()
    return str(made / "out")


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes take longer to start than these simulations last."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", *arguments])


def sweep(folder: str, *varied: str, given: tuple[str, ...] = GIVEN) -> Result:
    return plan(folder, *given, *(part for each in varied for part in ("--sweep", each)))


def test_every_combination_is_a_row_the_cheapest_first(folder: str) -> None:
    result = sweep(folder, "scaling.preset=responsive,aws", "scaling.min_instances=0,1")
    assert result.exit_code == 0, result.output
    header, *lines = result.stdout.splitlines()
    names = ["preset", "min_instances", "USD a month", "instance hours", "wait p50", "wait p95", "expired", "front"]
    assert re.split(" {2,}", header) == names
    rows = [line.split() for line in lines[: lines.index("")]]
    assert {(row[0], row[1]) for row in rows} == {(a, b) for a in ("responsive", "aws") for b in "01"}
    usd = [float(row[2]) for row in rows]
    assert usd == sorted(usd)
    assert usd[-1] > 530 > usd[0]
    assert result.stdout.count("Not in the sum:") == 1
    assert "simulated" not in result.stderr


def test_json_has_the_settings_and_the_front(folder: str) -> None:
    result = sweep(folder, "scaling.min_instances=0,1", given=(*GIVEN, "--json", "--p95-within", "30s"))
    found = json.loads(result.stdout)
    assert [each["settings"] for each in found["plans"]] == [
        {"scaling.min_instances": 0},
        {"scaling.min_instances": 1},
    ]
    assert [each["pareto"] for each in found["plans"]] == [True, True]
    assert [each["changes"] for each in found["plans"]] == [{}, {"scaling.min_instances": 1}]
    assert found["cheapest_within"] == {"scaling.min_instances": 1}
    assert found["plans"][0]["usd_a_month"] < found["plans"][1]["usd_a_month"]


def test_the_cheapest_within_a_limit_comes_with_the_lines_that_change(folder: str) -> None:
    varied = ("scaling.preset=responsive,aws", "scaling.min_instances=0,1", "alarms.idle_minutes=100")
    result = sweep(folder, *varied, given=(*GIVEN, "--p95-within", "30"))
    assert result.exit_code == 0
    answer = result.stdout.partition("The cheapest with a wait p95 within 30 s is ")[2].splitlines()
    assert answer[0].startswith("preset=aws, min_instances=1, idle_minutes=100: 53")
    toml = ["", "[scaling]", 'preset = "aws"', "min_instances = 1", "[alarms]", "idle_minutes = 100"]
    assert answer[1:] == ["In the stage's file:", *toml]


def test_a_stage_that_is_the_cheapest_already_needs_no_change(folder: str) -> None:
    result = sweep(folder, "scaling.min_instances=0,1", given=(*GIVEN, "--p95-within", "10min"))
    assert "The stage's file has these settings already." in result.stdout


def test_nothing_within_a_limit_is_exit_status_1_with_the_nearest(folder: str) -> None:
    result = sweep(folder, "scaling.max_instances=1,2", given=(*GIVEN, "--p95-within", "1min"))
    assert result.exit_code == 1
    assert "None has a wait p95 within 60 s. The nearest is max_instances=" in result.stdout
    assert "[scaling]" not in result.stdout


def test_what_cannot_be_compared_is_marked_and_said(folder: str) -> None:
    given = ("--pattern", "rate=20,days=1", "--start-seconds", "240", "--concurrency", "1", "--service-seconds", "9")
    result = sweep(folder, "scaling.min_instances=0,1", given=given)
    assert "-: min_instances=1 is not compared: its instances have no price." in result.stdout
    assert "*" not in result.stdout.partition("\n\n")[0]


def test_impossible_combinations_are_left_out_and_said(folder: str) -> None:
    result = sweep(folder, "scaling.min_instances=0,2", "scaling.max_instances=1,2")
    assert result.exit_code == 0
    sentence = "Left out, because the synth would reject it: min_instances=2, max_instances=1: scaling.min_instances 2 "
    assert sentence in result.stdout
    assert len(result.stdout.partition("\n\n")[0].splitlines()) == 1 + 3


def test_types_have_service_times_of_their_own(folder: str) -> None:
    types = "endpoint.instance_type=ml.g4dn.xlarge,ml.g5.xlarge"
    times = ("--service-seconds", "ml.g4dn.xlarge:30", "--service-seconds", "ml.g5.xlarge:10", "--concurrency", "1")
    result = sweep(folder, types, given=(*OFFICE, *times, "--p95-within", "1h", "--json"))
    found = {each["instance_type"]: each for each in json.loads(result.stdout)["plans"]}
    assert found["ml.g5.xlarge"]["bill"][0]["usage_type"] == "USE1-Host:ml.g5.xlarge"
    assert found["ml.g5.xlarge"]["changes"] == {"endpoint.instance_type": "ml.g5.xlarge"}
    assert found["ml.g5.xlarge"]["instance_hours"] != found["ml.g4dn.xlarge"]["instance_hours"]


def test_concurrency_is_varied_as_what_an_instance_really_does(folder: str) -> None:
    given = (*OFFICE, "--service-seconds", "30", "--p95-within", "1h")
    result = sweep(folder, "concurrency=1,8", given=given)
    assert "It holds if an instance really processes" in result.stdout
    assert "Each instance was taken to process" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "scaling.min_instance=0"], "the nearest name is scaling.min_instances"),
        (["--sweep", "network.isolation=true"], "synthesise the stage with it into a folder of its own"),
        (["--sweep", "scaling.min_instances"], "--sweep is NAME=VALUE,VALUE"),
        (["--sweep", "scaling.min_instances=0,0"], "has a value of scaling.min_instances twice"),
        (["--sweep", "scaling.max_instances=2", "--sweep", "scaling.max_instances=1"], "scaling.max_instances twice"),
        (["--sweep", "scaling.min_instances=few"], "is a whole number from 0 to 1000, and not 'few'"),
        (["--sweep", "scaling.preset=fast"], "scaling.preset is responsive or aws, and not 'fast'"),
        (["--sweep", "scaling.max_instances=1", "--sweep", "scaling.min_instances=2"], "No combination of --sweep is"),
        (["--sweep", "endpoint.instance_type=ml.g4dn.xlarge,ml.g5.xlarge"], "on ml.g4dn.xlarge is not given"),
        (["--sweep", "endpoint.instance_type=ml.g5.xlarge"], "on ml.g5.xlarge is not given"),
        (
            ["--sweep", "endpoint.instance_type=ml.g4dn.xlarge,ml.g5.xlarge", "--instance-price", "1",
             "--service-seconds", "ml.g4dn.xlarge:1", "--service-seconds", "ml.g5.xlarge:1"],
            "--instance-price is the price of one type",
        ),
        (["--sweep", "concurrency=0,2"], "concurrency is a whole number from 1 to 1000, and not '0'"),
        (["--sweep", "concurrency=1,2", "--concurrency", "4"], "--concurrency is one number, and --sweep varies it"),
        (["--sweep", "scaling.min_instances=0", "--service-seconds", "ml.g5.xlage:1"], "names ml.g5.xlage"),
        (["--p95-within", "10min"], "--p95-within chooses among the configurations of --sweep"),
        (["--sweep", "scaling.min_instances=0", "--p95-within", "soon"], "'soon' is not a length of time"),
        (["--sweep", ",".join(["scaling.max_instances=1", *map(str, range(2, 1_000))]), "--sweep",
          "scaling.wake_on_submit=true,false"],
         "--sweep has 1,998 combinations: at most 1,000 are simulated"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_and_exit_status_2(folder: str, arguments: list[str], message: str) -> None:
    result = plan(folder, *GIVEN, *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_one_folder_is_swept(folder: str) -> None:
    result = plan(folder, folder, *GIVEN, "--sweep", "scaling.min_instances=0,1")
    assert result.exit_code == 2
    assert "--sweep takes one TEMPLATE, and 2 are named." in result.stderr


def test_an_interrupt_ends_the_command_and_its_processes_at_once(folder: str) -> None:
    command = [sys.executable, "-m", "async_endpoint.cli", "plan", folder, "--pattern", "rate=200,days=300"]
    given = ["--service-seconds", "2", "--start-seconds", "240", "--sweep", "concurrency=1,2,3,4"]
    count = 1 + min(4, os.cpu_count() or 1)  # with the one of multiprocessing that looks after the others
    process = subprocess.Popen(
        [*command, *given],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background of a shell, SIGINT is ignored, and a process inherits that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - one thread here
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + 60
    while len(children.read_text(encoding="utf-8").split()) < count and time.monotonic() < until:
        time.sleep(0.01)
    started = children.read_text(encoding="utf-8").split()
    assert len(started) == count
    assert all(map(_heeds_no_interrupt, started))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Interrupted.\n"
    until = time.monotonic() + 10
    while any(map(_runs, started)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_runs, started))


def _heeds_no_interrupt(process_id: str) -> bool:
    """Whether a process blocks or ignores Ctrl-C."""
    status = Path("/proc", process_id, "status").read_text(encoding="utf-8")
    masks = re.findall(r"^Sig(?:Blk|Ign):\s*(\w+)$", status, re.MULTILINE)
    return any(int(mask, 16) & 1 << (signal.SIGINT - 1) for mask in masks)


def _runs(process_id: str) -> bool:
    try:
        state = Path("/proc", process_id, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
