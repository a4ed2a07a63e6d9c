"""`async-endpoint bench` against an endpoint over HTTP."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

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
