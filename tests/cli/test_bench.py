"""`async-endpoint bench` against an endpoint over HTTP."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from async_endpoint.cli import main
from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(b"x" * number)
    return tmp_path


def bench(folder: Path, bucket: str, *arguments: str) -> Result:
    destination = ("--endpoint", "receipts", "--input", f"s3://{bucket}/in")
    return CliRunner().invoke(
        main, ["bench", str(folder), *destination, "--count", "4", "--one-by-one", "2", *arguments]
    )


def test_three_phases_are_measured(folder: Path, bucket: str, server: EndpointServer) -> None:
    result = bench(folder, bucket, "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {phase: numbers["documents"] for phase, numbers in found.items()} == {
        "first": 1,
        "one_by_one": 2,
        "all_at_once": 4,
    }
    assert all(0 < numbers["p50_seconds"] <= numbers["p95_seconds"] < 60 for numbers in found.values())
    assert len(server.requests) == 7


@pytest.mark.usefixtures("server")
def test_people_see_a_table_and_the_reasons_of_failures(folder: Path, bucket: str) -> None:
    (folder / "1.png").write_bytes(b"bad")

    result = bench(folder, bucket)

    assert result.exit_code == 1
    rows = {line[:11].strip(): line.split() for line in result.stdout.splitlines()}
    assert rows["all at once"][3:5] == ["4", "2"]
    assert " of the documents: " in result.stderr
    assert "The image cannot be read." in result.stderr


def test_a_folder_without_documents_is_wrong_usage(tmp_path: Path, bucket: str) -> None:
    assert bench(tmp_path, bucket).exit_code == 2


@pytest.mark.usefixtures("server")
def test_the_times_are_drawn_and_the_numbers_are_printed_all_the_same(
    folder: Path, bucket: str, tmp_path: Path
) -> None:
    result = bench(folder, bucket, "--json", "--plot", str(tmp_path / "times.PNG"))

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["all_at_once"]["documents"] == 4
    with Image.open(tmp_path / "times.PNG") as image:
        assert (image.format, image.width > 1000) == ("PNG", True)


@pytest.mark.usefixtures("server")
def test_a_plot_that_cannot_be_written_is_a_sentence_after_the_numbers(
    folder: Path, bucket: str, tmp_path: Path
) -> None:
    taken = tmp_path / "taken.png"
    taken.symlink_to(tmp_path / "no folder" / "times.png")
    result = bench(folder, bucket, "--json", "--plot", str(taken))

    assert result.exit_code == 1
    assert json.loads(result.stdout)["first"]["documents"] == 1
    assert f"Error: The plot {taken} cannot be written: No such file or directory." in result.stderr


def test_what_is_wrong_with_a_plot_is_said_before_anything_is_sent(
    folder: Path, bucket: str, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "async_endpoint.operations.bench_plot", raising=False)
    no_picture, no_folder, no_matplotlib = (
        bench(folder, bucket, "--plot", str(folder / name)) for name in ("times.svg", "none/times.png", "times.png")
    )

    assert (no_picture.exit_code, no_folder.exit_code, no_matplotlib.exit_code) == (2, 2, 1)
    assert "name a file that ends with .png" in no_picture.stderr
    assert "There is no folder" in no_folder.stderr
    assert "`--plot` needs matplotlib: install it with `pip install 'async-endpoint[plot]'`." in no_matplotlib.stderr
    assert server.requests == []
