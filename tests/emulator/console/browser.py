"""A headless Chromium that a test asks about the page it shows, over two pipes: no port, no driver, no download.

The protocol is Chrome's own (DevTools): JSON messages, each ended by a zero byte, on file descriptors 3 and 4.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.emulator.fakes import LIMIT

CHROMIUM = shutil.which("chromium")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One tab; what it asked for over the network and what it complained of is kept."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._read = b""
        self._calls = 0
        self._session: str | None = None
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.loads = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Returns the result of one command to Chrome."""
        self._calls += 1
        number = self._calls
        command = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._to, json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    def show(self, address: str) -> None:
        """Load a page, pictures included."""
        loads = self.loads
        self.call("Page.navigate", url=address)
        while self.loads == loads:
            self._next()

    def look(self, expression: str) -> Any:
        """What a JavaScript expression is on the page."""
        evaluated = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in evaluated, evaluated
        return evaluated["result"].get("value")

    def be(self, width: int, scheme: str) -> None:
        """Have a screen so wide, of a user who likes it `light` or `dark`."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._back], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not respond"
            gained = os.read(self._back, 1 << 16)
            assert gained, "Chromium has ended"
            self._read += gained
        line, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        parameters = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif message.get("method") == "Page.loadEventFired":
            self.loads += 1
        return message


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium with a new profile in a folder; it has ended afterwards."""
    assert CHROMIUM is not None
    its_read, our_write = os.pipe()
    our_read, its_write = os.pipe()

    def take_pipes() -> None:
        # Both first to numbers that are out of the way, lest one overwrites the other.
        read, write = os.dup(its_read), os.dup(its_write)
        os.dup2(read, 3)
        os.dup2(write, 4)

    with (profile.with_suffix(".log")).open("wb") as log:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,
            preexec_fn=take_pipes,  # noqa: PLW1509 - it takes no lock
        )
    os.close(its_read)
    os.close(its_write)
    try:
        tab = Browser(our_write, our_read)
        yield tab
        tab._session = None
        with contextlib.suppress(AssertionError):  # it exits before it responds
            tab.call("Browser.close")
    finally:
        os.close(our_write)
        os.close(our_read)
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
