"""A webhook on the loopback, and the verification that docs/events.md shows."""

import ast
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"


class Webhook:
    """A server that responds with `failing` if that is set, else with each of `statuses`, then with 200."""

    def __init__(self) -> None:
        webhook = self
        self.statuses: list[int] = []
        self.failing: int | None = None
        self.requests: list[tuple[dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.requests.append(({**self.headers}, body))
                self.send_response(webhook.failing or (webhook.statuses.pop(0) if webhook.statuses else 200))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Logs nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests, parsed."""
        return [json.loads(body) for _, body in self.requests]


@contextmanager
def listening() -> Iterator[Webhook]:
    """Runs a webhook."""
    webhook = Webhook()
    thread = threading.Thread(target=webhook.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        webhook.server.shutdown()
        webhook.server.server_close()
        thread.join()


def code_blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shown_verification() -> Callable[..., dict[str, Any]]:
    """The function that the page shows."""
    (code,) = (each for each in code_blocks("python") if "def verified" in each)
    space: dict[str, Any] = {}
    exec(compile(ast.parse(code), str(PAGE), "exec"), space)  # noqa: S102 - the page's own code
    found: Callable[..., dict[str, Any]] = space["verified"]
    return found
