"""One container's processes: the supervisor, and below it, with an own /opt/ml, toolkit, model server and workers."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from async_endpoint.emulator.containers import ports
from async_endpoint.emulator.containers.environment import Overlay
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.containers.server_adapter import ServerAdapter
from async_endpoint.emulator.containers.supervisor import keep_niceness
from async_endpoint.emulator.containers.variables import Folders, container_environment

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_OPT_ML = Path(__file__).with_name("opt_ml.py")
_TOOLKIT_PROGRAM = Path(__file__).with_name("toolkit_program.py")
_GRACE_SECONDS = 4.0  # between SIGTERM and SIGKILL; TorchServe needs 2.7
_END_SECONDS = 30.0  # for the whole tree to be gone, before that is reported as an error


class ContainerProcess:
    """A launched container. It exits by itself, by `end`, or with the process that launched it, even after `kill -9`.

    Args:
        workdir: The container's folder; its output is appended to `container.log` in it.
        overlay: Its own Python environment.
        server: Its model server.
        environment: The Model's environment variables.
        threads: How many threads a numerical library may use in one worker.
    """

    def __init__(
        self, workdir: Path, overlay: Overlay, server: ServerAdapter, environment: Mapping[str, str], threads: int
    ) -> None:
        self._reserved = ports.reserve(server.ports)
        # In the system's temporary folder, for a short path: it holds the workers' sockets, whose paths Linux limits to
        # 107 characters. The supervisor removes it.
        scratch = Path(tempfile.mkdtemp(prefix="container-"))
        folders = Folders.from_workdir(workdir, scratch)
        script = (sys.executable, "-I", "-S")
        command = [
            *script, str(_SUPERVISOR), str(_GRACE_SECONDS), str(scratch),
            *script, str(_OPT_ML), str(folders.base),
            str(overlay.python), str(_TOOLKIT_PROGRAM), server.name, str(scratch / "server.properties"),
        ]  # fmt: skip
        addresses = server.variables(self._reserved)
        variables = container_environment(
            environment, overlay=overlay, folders=folders, server=addresses, threads=threads
        )
        self.http_port = self._reserved[0]
        with (workdir / "container.log").open("ab") as log:
            self._supervisor = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folders.run,
                env=variables,
                start_new_session=True,  # so that Ctrl-C reaches the owner alone
            )
        keep_niceness(self._supervisor.pid)

    @property
    def pid(self) -> int:
        """Process id of the supervisor, the root of the tree."""
        return self._supervisor.pid

    @property
    def exit_code(self) -> int | None:
        """The container's exit code (128 + the number of a signal that ended it); None while it runs."""
        return self._supervisor.poll()

    def owns(self, pid: int) -> bool:
        """Returns whether a process is one of the tree."""
        try:
            return any(parent.pid == self.pid for parent in psutil.Process(pid).parents())
        except (psutil.Error, ValueError):  # it has ended, or never began
            return False

    def kill(self) -> None:
        """Kills every process of the tree (SIGKILL), so that none can clean up."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.pid)
            for each in [*root.children(recursive=True), root]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    def end(self) -> None:
        """Ends every process and releases the ports; a second call does nothing.

        Raises:
            ContainerError: Some process does not end, not even after SIGKILL.
        """
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()  # tells the supervisor to end the tree
        try:
            self._supervisor.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            raise ContainerError(
                f"The container's processes did not end within {_END_SECONDS:g} s; end process {self.pid} by hand."
            ) from None
        ports.release(self._reserved)
        self._reserved = []
