"""Wrong usage of `async-endpoint run`, without any AWS."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main


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


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied"), OSError(errno.EROFS, "Read-only")]
)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_ticket_in_a_read_only_folder_is_wrong_usage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, error: OSError
) -> None:
    opened = Path.open

    def open_(path: Path, *arguments: Any, **keywords: Any) -> Any:
        if path.parent.name == "read-only":
            raise error
        return opened(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", open_)  # root may write everywhere
    ticket = folder.parent / "read-only" / "ticket"

    result = CliRunner().invoke(
        main, [command, str(folder), "--endpoint", "e", "--input", "s3://b-1/", "--ticket", str(ticket)]
    )

    assert result.exit_code == 2
    assert f"The ticket {ticket} cannot be written: {error.strerror}." in result.stderr
    assert "Traceback" not in result.output
