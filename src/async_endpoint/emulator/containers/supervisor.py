"""Runs one container's process tree and leaves none of it behind. A script: standard library only.

    python supervisor.py GRACE_SECONDS SCRATCH_FOLDER PROGRAM ARGUMENT...

Standard input is a pipe whose other end the owner holds and never writes to. It closes when the owner stops the
container, or dies, even by `kill -9`. Then, or on SIGTERM, the program gets SIGTERM, and after GRACE_SECONDS every
descendant gets SIGKILL; so it does when the program exits by itself. In each case the scratch folder is removed, and
the exit code is the program's (128 + the number of a signal that ended it).

Descendants cannot escape by making their own session or by losing their parent: this process is a subreaper
(prctl(2), PR_SET_CHILD_SUBREAPER), so every orphan among them becomes its child.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TRIES = 20
_BETWEEN_TRIES_SECONDS = 0.11


class _Tree:
    """The program and its descendants."""

    def __init__(self, command: list[str]) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # A wake-up pipe turns SIGTERM and SIGCHLD into something select can wait for together with standard input.
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._stopping = False
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        keep_niceness(self._program.pid)
        self._code: int | None = None

    def wait(self) -> None:
        """Returns when the program has exited, the owner has gone, or SIGTERM came."""
        while not self._stopping and self._code is None:
            readable, _, _ = select.select([0, self._wake], [], [])
            if 0 in readable and not os.read(0, 1):
                return
            self._reap()

    def end(self, grace: float) -> int:
        """Ends the program and every descendant; returns the program's exit code."""
        if self._code is None:
            os.kill(self._program.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._code is None and time.monotonic() < deadline:
            select.select([self._wake], [], [], deadline - time.monotonic())
            self._reap()
        # Some may be forking: look again until there is no child left to wait for.
        while self._reap():
            for pid in _descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self._wake], [], [], 0.1)
        return self._code or 0

    def _reap(self) -> bool:
        """Collects every ended child; returns whether any child is left."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._program.pid:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code

    def _on_terminate(self, *_: object) -> None:
        self._stopping = True


def keep_niceness(pid: int) -> None:
    """Gives the session that a process has begun the nice value of this process.

    Linux divides the processors among sessions first (sched(7), "The autogroup feature"): a process that is nice takes
    as much as any other if it is alone in its session. Of users other than root it takes one such change each 0.1 s, on
    the whole machine, and refuses others with EAGAIN (`proc_sched_autogroup_set_nice`, kernel/sched/autogroup.c).
    """
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    for _ in range(_TRIES if niceness else 0):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
        except BlockingIOError:
            time.sleep(_BETWEEN_TRIES_SECONDS)
        except OSError:  # a kernel without this feature, or a process that has ended
            return
        else:
            return


def _descendants(root: int) -> Iterator[int]:
    """Yields the ids of all living descendants, by the parents in /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The second field is the name in brackets and may hold spaces; the parent's id is two fields after it.
            parent = int(stat.rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    pending = children.get(root, [])
    while pending:
        pid = pending.pop()
        pending.extend(children.get(pid, []))
        yield pid


def main(arguments: list[str]) -> int:
    """Runs the program of the arguments until it exits, or its owner does."""
    grace, scratch, *command = arguments
    tree = _Tree(command)
    try:
        tree.wait()
    finally:
        code = tree.end(float(grace))
        shutil.rmtree(scratch, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
