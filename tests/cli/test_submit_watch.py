"""A watched folder: each file is submitted once, also after a restart, and Ctrl-C is the normal end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from async_endpoint.protocol import InvocationRequest
    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services", "inbox")

# Started in a shell's background, the tests ignore Ctrl-C, and so would every child of theirs.
HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
QUICK = "import async_endpoint.cli.submit_session as s; s.SubmitSession.watch.__kwdefaults__['pause'] = 0.2"
# Before each look a byte is added to a file: what the process has looked at is no matter of its speed.
COUNTED = """
from async_endpoint.client.folder_watch import FolderWatch
look = FolderWatch.look
def counted(self):
    with open("looked", "a") as file:
        file.write(".")
    return look(self)
FolderWatch.look = counted
"""
COMMAND = [sys.executable, "-c", f"{HEEDING}; {QUICK}\n{COUNTED}\nfrom async_endpoint.cli import main; main()"]


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.chdir(tmp_path)
    return inbox


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def arguments(bucket: str, *more: str, folder: str = "inbox") -> list[str]:
    target = ["--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--no-wake", "--concurrency", "1"]
    return ["submit", "--watch", folder, *target, *more]


@contextmanager
def watching(bucket: str, *more: str, folder: str = "inbox") -> Iterator[subprocess.Popen[str]]:
    """A process that watches the folder; it is killed at the end if it still runs."""
    with subprocess.Popen(  # our own command
        [*COMMAND, *arguments(bucket, *more, folder=folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits until something holds, while the process runs."""
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_looked(times: int, process: subprocess.Popen[str]) -> None:
    """Waits until the process has begun so many more looks, and so ended all but the last of them."""
    looked = Path("looked")

    def count() -> int:
        return looked.stat().st_size if looked.exists() else 0

    before = count()
    until(lambda: count() >= before + times, process)


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)


def sent(server: EndpointServer) -> Counter[str]:
    return Counter(str(request.input_location).rpartition("/")[2] for request in server.requests)


def test_files_are_submitted_once_complete_and_a_restart_ignores_what_its_ticket_has(
    bucket: str, server: EndpointServer, inbox: Path
) -> None:
    (inbox / "a.png").write_bytes(b"1")
    with watching(bucket) as process:
        until(lambda: len(server.requests) == 1, process)
        (inbox / "b.png").touch()  # stays empty
        (inbox / "c.png").write_bytes(b"bad")
        until(lambda: len(server.requests) == 2, process)
        assert run("wait").exit_code == 2  # the process has the ticket
        output, errors = interrupted(process)
    assert process.returncode == 0, errors
    assert output.startswith("2 accepted, 0 rejected, in ")
    number = output.partition("; run ")[2].partition(":")[0]
    assert "Traceback" not in errors

    (inbox / "b.png").write_bytes(b"22")
    (inbox / "a.png").write_bytes(b"changed")
    with watching(bucket, "--json") as process:
        until(lambda: len(server.requests) == 3, process)
        output, errors = interrupted(process)
    assert process.returncode == 0, errors
    assert f"Run {number} continues; documents until now: 2." in errors
    line = json.loads(output)
    assert (line["run"], line["documents"], line["queued"], line["error"]) == (number, 3, 3, None)
    assert sent(server) == {"a.png": 1, "b.png": 1, "c.png": 1}

    waited = run("wait", "--no-wake")
    assert "3 documents: 2 completed, 1 failed" in waited.stdout
    assert "0 tickets" in run("runs", "--prune", "0").stdout
    files = [json.loads(text)["file"] for text in run("results").stdout.splitlines()]
    assert sorted(files) == ["a.png", "b.png", "c.png"]


def test_after_kill_9_no_file_is_submitted_twice(bucket: str, server: EndpointServer, inbox: Path) -> None:
    for number in range(6):
        (inbox / f"{number}.png").write_bytes(b"x" * (number + 1))
    with watching(bucket) as process:

        def kill(_: InvocationRequest) -> bool:
            if len(server.requests) == 3:
                process.kill()
                process.wait()
            return True  # the request in progress is taken, and its response is lost

        server.before_taking = kill
        process.wait(timeout=60)
    server.before_taking = None
    assert process.returncode == -signal.SIGKILL

    with watching(bucket) as process:
        until(lambda: len(server.requests) == 6, process)
        output, errors = interrupted(process)

    assert process.returncode == 1, errors
    assert ", 1 in doubt, in " in output
    waited = run("wait", "--doubt-seconds", "5", "--no-wake")
    assert "6 documents: 6 completed" in waited.stdout, waited.output
    assert sent(server) == dict.fromkeys((f"{number}.png" for number in range(6)), 1)


def test_a_rejected_file_is_not_submitted_again(bucket: str, server: EndpointServer, inbox: Path) -> None:
    (inbox / "a.png").write_bytes(b"1")
    rejection = (400, "ValidationError", "The document is not welcome.")
    server.rejections = [rejection]
    with watching(bucket) as process:
        assert process.stderr is not None
        while "The document is not welcome." not in (line := process.stderr.readline()):
            assert line, "the process ended without the reason"
        _, errors = interrupted(process)
    assert process.returncode == 1
    assert "The document is not welcome." not in errors

    server.rejections = [rejection]
    with watching(bucket) as process:
        assert process.stderr is not None
        assert "continues; documents until now: 1." in process.stderr.readline()
        until_looked(4, process)
        interrupted(process)

    assert process.returncode == 0, "nothing was rejected this time"
    assert server.rejections == [rejection], "nothing was sent this time"


def test_a_watch_that_saw_nothing_leaves_no_ticket(bucket: str, tickets: Path) -> None:
    with watching(bucket) as process:
        until_looked(2, process)
        assert any(tickets.glob("*.sqlite"))
        output, _ = interrupted(process)

    assert process.returncode == 0
    assert output.startswith("0 accepted, 0 rejected, in ")
    assert output.endswith("; nothing was sent\n")
    assert list(tickets.glob("*.sqlite")) == []


def test_what_is_wrong_for_all_ends_the_watch_and_the_same_command_continues_it(
    bucket: str, server: EndpointServer, inbox: Path
) -> None:
    (inbox / "a.png").write_bytes(b"1")
    server.rejections = [(403, "ExpiredTokenException", "The security token included in the request is expired")] * 9

    with watching(bucket) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "The ticket has what was submitted: watch the folder again by the same command." in errors
    server.rejections = []
    with watching(bucket) as process:
        until(lambda: len(server.requests) == 1, process)
        interrupted(process)
    assert process.returncode == 0


@pytest.mark.parametrize("sources", [["inbox", "inbox"], ["inbox/a.png"], ["-"], ["none"], ["s3://inputs/docs/"]])
def test_a_watch_takes_one_folder(bucket: str, inbox: Path, tickets: Path, *, sources: list[str]) -> None:
    (inbox / "a.png").write_bytes(b"1")

    result = run("submit", "--watch", *sources, "--endpoint", "receipts", "--input", f"s3://{bucket}/in")

    assert result.exit_code == 2
    assert "--watch takes one folder that exists, and no other source." in " ".join(result.stderr.split())
    assert not tickets.exists()


def test_the_ticket_of_another_run_and_a_second_watch_are_sentences(bucket: str, inbox: Path, tmp_path: Path) -> None:
    (inbox / "a.png").write_bytes(b"1")
    other = [argument for argument in arguments(bucket, "--ticket", "other.sqlite") if argument != "--watch"]
    assert run(*other).exit_code == 0

    of_another = run(*arguments(bucket, "--ticket", "other.sqlite"))
    with watching(bucket, "--ticket", "own.sqlite") as process:
        until((tmp_path / "own.sqlite").exists, process)
        until_looked(1, process)
        second = run(*arguments(bucket, "--ticket", "own.sqlite"))

    assert (of_another.exit_code, second.exit_code) == (2, 2)
    assert "other.sqlite is the ticket of another run" in of_another.stderr
    assert "Another process uses the ticket" in second.stderr


def test_another_spelling_of_the_folder_continues_the_watch(
    bucket: str, server: EndpointServer, inbox: Path, tickets: Path
) -> None:
    (inbox / "a.png").write_bytes(b"1")
    (inbox.parent / "link").symlink_to(inbox)
    with watching(bucket) as process:
        until(lambda: len(server.requests) == 1, process)
        interrupted(process)

    for number, spelling in enumerate(("inbox/../inbox", "link", str(inbox)), start=2):
        (inbox / f"{number}.png").write_bytes(b"1")
        with watching(bucket, folder=spelling) as process:
            until(lambda count=number: len(server.requests) >= count, process)  # type: ignore[misc]  # its default
            until_looked(2, process)
            _, errors = interrupted(process)
        assert f"continues; documents until now: {number - 1}." in errors

    assert sent(server) == {"a.png": 1, "2.png": 1, "3.png": 1, "4.png": 1}
    assert len(list(tickets.glob("*.sqlite"))) == 1


def test_a_watch_that_began_behind_a_link_continues_in_the_folder(
    bucket: str, server: EndpointServer, inbox: Path, tickets: Path
) -> None:
    (inbox / "a.png").write_bytes(b"1")
    (inbox.parent / "link").symlink_to(inbox)
    with watching(bucket, folder="link") as process:
        until(lambda: len(server.requests) == 1, process)
        interrupted(process)
    (inbox.parent / "link").unlink()

    with watching(bucket) as process:
        assert process.stderr is not None
        assert "continues; documents until now: 1." in process.stderr.readline()
        interrupted(process)

    assert len(list(tickets.glob("*.sqlite"))) == 1


def test_a_folder_that_cannot_be_looked_at_is_wrong_usage(bucket: str, tickets: Path) -> None:
    result = run(*arguments(bucket, folder="x" * 300))

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "cannot be read: File name too long." in " ".join(result.stderr.split())
    assert not tickets.exists()


@pytest.mark.parametrize("pattern", ["../*.png", ".", "/x"])
def test_a_pattern_that_cannot_be_used_is_wrong_usage_and_leaves_no_ticket(
    bucket: str, tickets: Path, pattern: str
) -> None:
    result = run(*arguments(bucket, "--pattern", pattern))

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "the pattern is one below inbox" in " ".join(result.stderr.split())
    assert not tickets.exists()


@pytest.mark.parametrize("submitted", [True, False])
def test_a_folder_that_vanishes_ends_the_watch_with_a_line_and_no_empty_ticket(
    bucket: str, server: EndpointServer, inbox: Path, tickets: Path, *, submitted: bool
) -> None:
    if submitted:
        (inbox / "a.png").write_bytes(b"1")
    with watching(bucket, "--json") as process:
        until(lambda: any(tickets.glob("*.sqlite")) and len(server.requests) == submitted, process)
        time.sleep(0.5)  # the response is in the ticket
        inbox.rename(inbox.with_name("elsewhere"))
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 1, errors
    advice = "The ticket has what was submitted: watch" if submitted else "Nothing was sent."
    assert f"inbox cannot be read: No such file or directory. {advice}" in errors
    line = json.loads(output)
    assert (line["queued"], line["ticket"] is not None) == (submitted, submitted)
    assert line["error"] == "inbox cannot be read: No such file or directory."
    assert len(list(tickets.glob("*.sqlite"))) == submitted
    assert "Traceback" not in errors
