"""Each script of examples/ runs as a user runs it, against an endpoint over HTTP; and the docs lead to each."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MAX_LINES = 40

pytestmark = pytest.mark.usefixtures("local_services")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jpg").write_bytes(b"one")
    (tmp_path / "b.jpg").write_bytes(b"bad")
    (tmp_path / "c.jpg").write_bytes(b"three")
    (tmp_path / "notes.txt").write_bytes(b"no document")
    return tmp_path


def run(script: str, *arguments: str, stdin: str = "") -> tuple[int, list[Any], str]:
    """The exit status, the lines of JSON and what is on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / script), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_one_document_is_submitted_and_its_result_printed(folder: Path, bucket: str) -> None:
    place = f"s3://{bucket}/by-hand/"
    status, lines, errors = run("submit_and_wait.py", "receipts", place, str(folder / "a.jpg"))
    assert (status, lines) == (0, [{"bytes": 3}])
    assert f"its result will be s3://{bucket}/out/" in errors

    status, lines, errors = run("submit_and_wait.py", "receipts", place, str(folder / "b.jpg"))
    assert (status, lines) == (1, [])
    assert "The image cannot be read." in errors


@pytest.mark.parametrize("script", ["process_folder.py", "process_folder_asyncio.py"])
def test_a_folder_is_processed_and_what_failed_is_said(folder: Path, bucket: str, script: str) -> None:
    status, lines, errors = run(script, "receipts", f"s3://{bucket}/by-hand/", str(folder))

    assert status == 1
    assert {Path(line["document"]).name: line["result"] for line in lines} == {
        "a.jpg": {"bytes": 3},
        "c.jpg": {"bytes": 5},
    }
    assert "b.jpg" in errors
    assert "The image cannot be read." in errors
    (folder / "b.jpg").unlink()
    assert run(script, "receipts", f"s3://{bucket}/by-hand/", str(folder))[0] == 0


def test_documents_in_s3_are_processed_in_their_order(bucket: str, s3: S3Client) -> None:
    for name, body in (("1", b"one"), ("2", b"bad"), ("3", b"three")):
        s3.put_object(Bucket=bucket, Key=f"scans/{name}.jpg", Body=body)
    places = [f"s3://{bucket}/scans/{name}.jpg" for name in "123"]

    status, lines, _ = run("s3_worker.py", "receipts", stdin="\n".join([*places, ""]))

    assert status == 1
    assert [line["document"] for line in lines] == places
    assert [line.get("result") for line in lines] == [{"bytes": 3}, None, {"bytes": 5}]
    assert "The image cannot be read." in lines[1]["error"]
    assert len({line["id"] for line in lines}) == 3


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.name)
def test_each_is_short_and_the_docs_lead_to_it(script: Path) -> None:
    assert len(script.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    for page, link in (("docs/client.md", f"(../examples/{script.name})"), ("examples/README.md", f"({script.name})")):
        assert link in (ROOT / page).read_text(encoding="utf-8"), page
