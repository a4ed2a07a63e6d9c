"""The supervisor over small process trees of the tests' own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from async_endpoint.emulator.containers import supervisor
from tests.emulator.containers.helpers import eventually, living, process_tree

# Deaf to SIGTERM, each below is a process of another kind of escape.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
if os.fork() == 0:
    subprocess.Popen(sleep, start_new_session=True)
    os._exit(0)
os.wait()
open(sys.argv[1], "w").close()
time.sleep(600)
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def start(scratch: Path) -> Iterator[Start]:
    with ExitStack() as ends:

        def run(script: str, *arguments: object, grace: float = 0.3) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", supervisor.__file__, str(grace), str(scratch)),
                    *(sys.executable, "-c", script, *map(str, arguments)),
                ],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            ends.enter_context(process)  # closes the pipe and waits
            return process

        yield run


def test_nothing_is_left_when_the_pipe_closes(start: Start, tmp_path: Path, scratch: Path) -> None:
    process = start(STUBBORN, tmp_path / "up")
    assert eventually((tmp_path / "up").exists, 10)
    tree = process_tree(process.pid)
    assert len(tree) == 5, "supervisor, program, and three children, one of them an orphan in its own session"
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(5) == 128 + signal.SIGKILL
    assert living(tree) == []
    assert not scratch.exists()


def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path, scratch: Path) -> None:
    owner_script = (
        "import subprocess, sys, time\n"
        "process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-I", "-S", supervisor.__file__, "0.3", str(scratch)]
    program = [sys.executable, "-c", STUBBORN, str(tmp_path / "up")]
    with subprocess.Popen([sys.executable, "-c", owner_script, *command, *program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        root = int(owner.stdout.readline())
        assert eventually((tmp_path / "up").exists, 10)
        tree = process_tree(root)
        owner.kill()
    assert eventually(lambda: not living(tree), 5)
    assert not scratch.exists()


def test_sigterm_ends_the_tree_too(start: Start, tmp_path: Path) -> None:
    process = start(STUBBORN, tmp_path / "up")
    assert eventually((tmp_path / "up").exists, 10)
    tree = process_tree(process.pid)
    process.terminate()
    process.wait(5)
    assert living(tree) == []


def test_a_program_that_minds_sigterm_ends_cleanly_and_at_once(start: Start, tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "open(sys.argv[1], 'w').close()\n"
        "time.sleep(600)\n"
    )
    process = start(script, tmp_path / "up", grace=30)
    assert eventually((tmp_path / "up").exists, 10)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 7, "long before the half a minute that it may take"


def test_a_program_that_ends_by_itself_gives_its_exit_code_and_leaves_no_orphan(start: Start, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "orphan = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(str(orphan.pid))\n"
        "sys.exit(3)\n"
    )
    process = start(script, tmp_path / "orphan", grace=30)
    assert process.wait(10) == 3
    assert not psutil.pid_exists(int((tmp_path / "orphan").read_text()))


def test_the_exit_code_of_a_program_ended_by_a_signal_is_a_shells(start: Start) -> None:
    assert start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").wait(10) == 128 + signal.SIGSEGV


def test_it_uses_no_processor_time_while_it_waits(start: Start, tmp_path: Path) -> None:
    process = start(STUBBORN, tmp_path / "up")
    assert eventually((tmp_path / "up").exists, 10)
    before = psutil.Process(process.pid).cpu_times()
    time.sleep(0.5)
    after = psutil.Process(process.pid).cpu_times()
    assert after.user + after.system - before.user - before.system < 0.05
    assert os.getsid(process.pid) == process.pid, "a terminal's Ctrl-C does not reach it"


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not group processes by session")
def test_a_nice_owners_program_is_nice_to_other_sessions(scratch: Path, tmp_path: Path) -> None:
    found = tmp_path / "autogroup"
    script = f"import shutil, time; time.sleep(0.5); shutil.copyfile('/proc/self/autogroup', {str(found)!r})"
    supervised = [sys.executable, "-I", "-S", supervisor.__file__, "1", str(scratch), sys.executable, "-c", script]

    with subprocess.Popen([str(shutil.which("nice")), "-n", "7", *supervised], stdin=subprocess.PIPE) as process:
        process.wait(30)

    assert found.read_text(encoding="ascii").split()[1:] == ["nice", "7"]
