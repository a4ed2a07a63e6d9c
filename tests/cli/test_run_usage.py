"""Wrong usage of `async-endpoint run`, without any AWS."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "receipts"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    return folder


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 has all it needs, and nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{probe.getsockname()[1]}")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("none", 2, "none is not a folder"),
        ("receipts", 2, "Name the endpoint by --stage"),
        ("receipts --endpoint e", 2, "Name the upload prefix by --stage"),
        ("receipts --endpoint e --input bucket/in", 2, "--input: 'bucket/in' is not a location in S3"),
        ("receipts --endpoint e --input s3://b-1/ --ttl 59", 2, "59 is not in the range 60<=x<=21600"),
        ("receipts --endpoint e --input s3://b-1/ --output no/out", 2, "no/out cannot be written: No such file"),
        ("receipts --endpoint e --stack S", 1, "The outputs of stack S cannot be read: Could not connect"),
    ],
)
def test_wrong_usage_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, sentence: str
) -> None:
    monkeypatch.chdir(folder.parent)

    result = CliRunner().invoke(main, ["run", *arguments.split()])

    assert (result.exit_code, type(result.exception)) == (code, SystemExit)
    assert sentence in " ".join(result.output.split())
