"""What answers is not AWS: no command takes it for an answer, and each says where to look."""

from __future__ import annotations

import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Page(BaseHTTPRequestHandler):
    """A server that is not AWS: it answers everything with a web page."""

    status = HTTPStatus.OK

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        page = b"<html><title>Blocked</title><body>Log in to the <b>network</b>.</body></html>"
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Keeps the server quiet."""


class Forbidden(Page):
    status = HTTPStatus.FORBIDDEN


@pytest.fixture(params=[Page, Forbidden], ids=["200", "403"])
def page_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), request.param) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, a region, and a folder with a document."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")


RUN = "run receipts --endpoint receipts --input s3://inputs/run --ticket run.sqlite --output r.jsonl"


@pytest.mark.parametrize(
    "arguments",
    ["jobs --stage dev", "status J --table t", "status J --stage dev", "why --stage dev", "logs --stage dev", RUN,
     "run receipts --stage dev", "dlq list --stage dev", "rollback --list --stage dev", "rollback --stage dev --yes",
     "destroy --stage dev --yes", "deploy --stack receipts -- true"],
)  # fmt: skip
def test_a_web_page_is_never_taken_for_a_response_of_aws(
    arguments: str, page_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", page_url)

    result = CliRunner().invoke(main, arguments.split())

    assert result.exit_code in (1, 3)
    assert re.search(
        r"the response (200|403) is a web page, not one of AWS: Blocked Log in to the network \.", result.output
    )
    assert "Check the network, the proxy and AWS_ENDPOINT_URL." in result.output
    assert "Unexpected" not in result.output


@pytest.mark.parametrize("url", ["localhost:4566", "http://", "nonsense"])
@pytest.mark.parametrize("arguments", ["jobs --stage dev", "why --stage dev", RUN])
def test_what_is_no_url_of_an_endpoint_is_named(arguments: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    result = CliRunner().invoke(main, arguments.split())

    assert result.exit_code == 1
    assert f"Invalid endpoint: {url}. Write AWS_ENDPOINT_URL, or --endpoint-url, as" in result.output
