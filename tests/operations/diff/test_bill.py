"""What a change does to the bill and the wait: both sides with one traffic, and a sentence where that cannot be."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.operations.diff import bill
from async_endpoint.operations.diff.bill import BillChange, compare_bills
from tests.planner.stages import documented, endpoint, function

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 12, 1)
PLAN = """
[plan]
arrivals = "arrivals.csv"
service_seconds = 30
start_seconds = 240
concurrency = 1
price_region = "us-east-1"
"""
TOPIC = {"Topic": {"Type": "Custom::Thing", "Properties": {}}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a stage's file, and arrivals at one moment."""
    (tmp_path / "dev.toml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "arrivals.csv").write_text("0\n0\n", encoding="utf-8")
    return tmp_path


def assembly(root: Path, name: str, *parts: dict[str, Any], region: str | None = None) -> Path:
    resources: dict[str, Any] = {}
    for part in parts:
        resources |= part
    folder = root / name
    folder.mkdir()
    (folder / "Endpoint.template.json").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    if region is not None:
        manifest = {"artifacts": {"Endpoint": {"environment": f"aws://unknown-account/{region}"}}}
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def compare(root: Path, base: Path | None, head: Path, today: date = TODAY) -> BillChange | str:
    return compare_bills(base, head, root / "dev.toml", root, today)


def changed(root: Path, base: Path | None, head: Path, today: date = TODAY) -> BillChange:
    found = compare(root, base, head, today)
    assert isinstance(found, BillChange), found
    return found


def test_both_sides_have_the_same_traffic(root: Path) -> None:
    found = changed(root, assembly(root, "base", endpoint()), assembly(root, "head", endpoint(instances=2)))
    assert found.before is not None
    assert found.after is not None
    # The second request waits for the first, or goes to the second instance.
    assert [list(side.outcome.waits) for side in (found.before, found.after)] == [[0, 30], [0, 0]]
    assert found.before.bill.instances == pytest.approx(720 * 0.7364)
    assert found.after.bill.instances == pytest.approx(2 * 720 * 0.7364)
    assert found.options == (
        "--arrivals arrivals.csv --service-seconds 30 --start-seconds 240 --concurrency 1 --price-region us-east-1"
    )


def test_without_the_table_a_line_says_how_to_add_it(root: Path) -> None:
    (root / "dev.toml").write_text('region = "us-east-1"\n', encoding="utf-8")
    folder = assembly(root, "base", endpoint())
    assert compare(root, folder, folder) == (
        "Bill and wait: not planned. Add a table [plan] to dev.toml with pattern or arrivals, service_seconds and "
        "start_seconds (docs/settings.md)."
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('pattern = "rate=1"', "[plan] of dev.toml: describe the traffic by pattern or by arrivals: one of the two."),
        ('service_second = "1"', "[plan] of dev.toml: service_second is not a setting: choose of pattern, "),
        ("[plan.start_seconds]", "dev.toml is not TOML: "),
    ],
)
def test_a_table_that_cannot_be_used_is_a_sentence(root: Path, line: str, reason: str) -> None:
    (root / "dev.toml").write_text(f"{PLAN}{line}\n", encoding="utf-8")
    folder = assembly(root, "base", endpoint())
    found = str(compare(root, folder, folder))
    assert found.startswith("Bill and wait: not planned. ")
    assert reason in found


def test_a_new_stage_has_only_an_after(root: Path) -> None:
    found = changed(root, None, assembly(root, "head", endpoint()))
    assert found.before is None
    assert found.after is not None
    assert not any(note.startswith(("Before", "After", "Not priced, and changed")) for note in found.notes)


def test_a_stage_without_an_asynchronous_endpoint_is_a_sentence(root: Path) -> None:
    folder = assembly(root, "base", TOPIC)
    found = str(compare(root, folder, folder))
    assert found.startswith("Bill and wait: not planned. No asynchronous endpoint is in it")
    assert str(root) not in found


def test_a_side_that_cannot_be_planned_leaves_the_other(root: Path) -> None:
    empty, full = assembly(root, "empty", TOPIC), assembly(root, "full", endpoint())
    added, removed = changed(root, empty, full), changed(root, full, empty)
    assert (added.before, removed.after) == (None, None)
    assert added.after is not None
    assert removed.before is not None
    assert added.notes[0].startswith("Before: not planned. No asynchronous endpoint")
    assert removed.notes[0].startswith("After: not planned. No asynchronous endpoint")


def test_a_simulation_that_breaks_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(bill, "simulate", broken)
    folder = assembly(root, "base", endpoint())
    message = "Bill and wait: not planned. The plan failed with ZeroDivisionError: by nothing."
    assert compare(root, folder, folder) == message


def test_a_side_without_a_bill_is_a_sentence(root: Path) -> None:
    sized = function()
    sized["Function"]["Properties"]["MemorySize"] = {"Ref": "Memory"}
    found = changed(root, assembly(root, "a", endpoint()), assembly(root, "b", endpoint(), sized))
    assert found.after is None
    assert any("After: not planned. A function has the MemorySize" in note for note in found.notes), found.notes


def test_types_that_are_not_priced_are_named_apart_if_their_count_changes(root: Path) -> None:
    gateway = {"Gate": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {}}}
    found = changed(root, assembly(root, "a", endpoint(), TOPIC), assembly(root, "b", endpoint(), TOPIC, gateway))
    assert "Not priced, and changed: AWS::EC2::VPCEndpoint (hours and data of interface endpoints): 0 → 1." in (
        found.notes
    )
    (same,) = (note for note in found.notes if note.startswith("Not priced: "))
    assert "Custom::Thing (a type that a plan does not know)" in same


def test_another_instance_type_has_other_times(root: Path) -> None:
    other = endpoint()
    other["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = "ml.g5.xlarge"
    found = changed(root, assembly(root, "base", endpoint()), assembly(root, "head", other))
    assert any("measure them on the new type" in note for note in found.notes)


def test_assumptions_of_one_side_are_that_sides(root: Path) -> None:
    (root / "dev.toml").write_text(PLAN.replace("concurrency = 1", ""), encoding="utf-8")
    one, many = assembly(root, "one", endpoint(1)), assembly(root, "many", endpoint(16))
    assert any(
        note.startswith("After: Each instance was taken to process 16") for note in changed(root, one, many).notes
    )
    both = [note for note in changed(root, many, many).notes if "taken to process 16" in note]
    assert [note.startswith("Each instance") for note in both] == [True]


def test_a_missing_price_names_the_way_out(root: Path) -> None:
    (root / "dev.toml").write_text(PLAN.replace('price_region = "us-east-1"', ""), encoding="utf-8")
    found = changed(root, None, assembly(root, "head", endpoint(), region="ap-northeast-1"))
    assert (
        "No price for instances: the table has no price of ml.g4dn.xlarge in ap-northeast-1; it has those of "
        "us-east-1. Set price_region or prices in [plan]."
    ) in found.notes


def test_prices_of_another_region_than_the_stages_are_named(root: Path) -> None:
    found = changed(root, None, assembly(root, "head", endpoint(), region="ap-northeast-1"))
    assert "The stage is in ap-northeast-1, and instances have the prices of us-east-1." in found.notes


def test_what_still_waits_at_the_end_is_named(root: Path) -> None:
    (root / "arrivals.csv").write_text("86300\n" * 9, encoding="utf-8")
    found = changed(root, None, assembly(root, "head", endpoint()))
    assert any(note.startswith("5 requests still waited at the end") for note in found.notes)


def test_old_prices_warn(root: Path) -> None:
    folder = assembly(root, "base", endpoint())
    assert any("more than 180 days old" in note for note in changed(root, folder, folder, date(2027, 12, 1)).notes)
    assert not any("days old" in note for note in changed(root, folder, folder).notes)


def test_a_table_of_prices_of_ones_own_is_used(root: Path) -> None:
    (root / "dev.toml").write_text(PLAN + 'prices = "own.toml"\n', encoding="utf-8")
    row = '[[instances]]\nregion = "us-east-1"\ntype = "ml.g4dn.xlarge"\nusd_an_hour = 2.0\n'
    own = f'dated = 2026-11-30\n{row}usage_type = "u"\nsource = "s"\nquality = "listed"\n'
    (root / "own.toml").write_text(own, encoding="utf-8")
    found = changed(root, None, assembly(root, "head", endpoint()))
    assert found.after is not None
    assert found.after.bill.instances == pytest.approx(1440)
    assert (
        "Prices of instances of 2026-11-30, others of 2026-11-29; a month has 30 days. Simulated: nothing was"
        in (found.notes[-1])
    )


def test_a_stage_that_sleeps_is_cheaper_and_wakes(root: Path) -> None:
    found = changed(root, assembly(root, "base", endpoint()), assembly(root, "head", documented()))
    assert found.before is not None
    assert found.after is not None
    assert found.after.bill.total < found.before.bill.total
    assert (found.before.outcome.wakes, found.after.outcome.wakes) == (0, 1)
    assert found.after.outcome.longest_wake > 240


def test_the_functions_variables_are_those_of_each_side(root: Path) -> None:
    wake = function(WAKE_ON_SUBMIT="true", BACKLOG_PER_INSTANCE="5", WAKE_COOLDOWN_SECONDS="900")
    slow, fast = assembly(root, "slow", documented()), assembly(root, "fast", documented(), wake)
    found = changed(root, slow, fast)
    assert found.before is not None
    assert found.after is not None
    assert found.after.outcome.longest_wake < found.before.outcome.longest_wake
