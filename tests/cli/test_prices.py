"""`async-endpoint prices`: a table for plans, what it says of it, and what is wrong in a sentence."""

from __future__ import annotations

import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.planner import read_prices
from tests.planner.price_list import price_list
from tests.planner.stages import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a price list in it and a stage."""
    (tmp_path / "index.json").write_text(json.dumps(price_list()), encoding="utf-8")
    (tmp_path / "Stage.template.json").write_text(json.dumps({"Resources": endpoint()}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """Where the folder is served."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


def prices(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prices", *arguments])


def test_a_table_is_written_and_says_which_prices_were_taken(folder: Path) -> None:
    done = prices("index.json")
    assert done.exit_code == 0, done.output
    hosted = "of these with the price of hosting, not of asynchronous inference"
    without = ", ".join(f"{kind} in us-east-1" for kind in ("ml.c5.xlarge", "ml.m5.xlarge", "ml.t2.medium"))
    assert done.stdout.splitlines() == [
        f"eu-west-1, published 2026-10-04: 1 instance type; {hosted}: ml.g5.xlarge.",
        f"us-east-1, published 2026-10-04: 2 instance types; {hosted}: ml.g4dn.xlarge.",
        f"Without one clear price, and not in the table: {without}.",
        "prices.toml is written: name it with `async-endpoint plan --prices`, or as prices in a stage's [plan].",
    ]
    assert len(read_prices(folder / "prices.toml").instances) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["Stage.template.json", "index.json", "prices.toml"]


def test_a_url_is_downloaded_with_progress(folder: Path, url: str) -> None:
    done = prices(f"{url}/index.json", "--output", "own.toml")
    assert done.exit_code == 0, done.output
    assert "0 of 0 MB downloaded\n" in done.stderr
    assert len(read_prices(folder / "own.toml").instances) == 3


def test_a_plan_uses_the_table(folder: Path) -> None:
    assert prices("index.json").exit_code == 0
    times = ("--pattern", "rate=1,days=1", "--service-seconds", "1", "--start-seconds", "1")
    planned = CliRunner().invoke(
        main, ["plan", str(folder), *times, "--price-region", "us-east-1", "--prices", "prices.toml", "--json"]
    )
    (found,) = json.loads(planned.stdout)["plans"]
    line = found["bill"][0]
    assert (line["usd"], line["usage_type"], line["quality"]) == (530.208, "USE1-Host:ml.g4dn.xlarge", "listed")
    assert line["source"] == "AWS Price List, AmazonSageMaker, version 20261004000000, SKU HOST4"


def test_a_plan_guesses_no_price_that_the_table_lacks(folder: Path) -> None:
    assert prices("index.json").exit_code == 0
    times = ("--pattern", "rate=1,days=1", "--service-seconds", "1", "--start-seconds", "1")
    planned = CliRunner().invoke(
        main, ["plan", str(folder), *times, "--price-region", "ap-south-1", "--prices", "prices.toml"]
    )
    assert "the table has no price of ml.g4dn.xlarge in ap-south-1; it has those of us-east-1" in planned.stdout
    assert "Prices of instances of 2026-10-04, others of 2026-11-29; a month has 30 days." in planned.stdout


def test_an_older_table_is_replaced_and_another_file_is_not(folder: Path) -> None:
    assert prices("index.json").exit_code == 0
    assert prices("index.json").exit_code == 0
    done = prices("index.json", "--output", "Stage.template.json")
    assert done.exit_code == 2
    assert "Stage.template.json exists and is no table of prices: name another file by --output." in done.stderr
    assert json.loads((folder / "Stage.template.json").read_text(encoding="utf-8"))["Resources"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE_OR_URL...'"),
        (["none.json"], "none.json cannot be read: No such file or directory."),
        (["Stage.template.json"], "Stage.template.json is no price list of AmazonSageMaker: it has no offerCode"),
        (["http://example.com/index.json"], "a price list is downloaded over https."),
        (["index.json", "index.json"], "ml.g5.xlarge in eu-west-1 is in two of the price lists"),
        (["index.json", "--output", "none/prices.toml"], "none is no folder: create it"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_status_2(arguments: list[str], message: str) -> None:
    done = prices(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_list_from_a_url_is_named_by_its_url(folder: Path, url: str) -> None:
    (folder / "bad.json").write_text("<html>", encoding="utf-8")
    done = prices(f"{url}/bad.json")
    assert done.exit_code == 2
    assert f"{url}/bad.json is no price list of AWS: it is no JSON" in done.stderr
