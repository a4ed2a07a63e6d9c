"""The process of a local AWS as seen from outside: its start, and whether it runs and serves requests."""

import socket
import subprocess
from http import HTTPStatus
from pathlib import Path

import psutil

from async_endpoint.emulator.containers.supervisor import keep_niceness
from async_endpoint.emulator.loopback import NoResponse, fetch
from async_endpoint.emulator.process_environments import server_environment
from async_endpoint.emulator.server.command_line import ServerOptions
from async_endpoint.emulator.server.state_file import StateFolder


def start_process(options: ServerOptions, log: Path) -> subprocess.Popen[bytes]:
    """Starts a process whose output goes to the file `log`; Ctrl-C does not reach it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            options.command(),
            stdin=subprocess.PIPE if options.until_stdin_closes else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=server_environment(options.port, StateFolder(options.state)),
            start_new_session=True,
        )
    keep_niceness(process.pid)
    return process


def started_at(pid: int) -> float:
    """Returns when a process started, in epoch seconds."""
    return float(psutil.Process(pid).create_time())


def is_running(pid: int, began: float) -> bool:
    """Whether the process with this number and this start runs."""
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() == began) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def serving_process(endpoint_url: str) -> int | None:
    """Returns the number of the process whose local AWS serves requests at a URL, or None."""
    try:
        status, body = fetch(f"{endpoint_url}/_local/ready", timeout=1)
    except NoResponse:
        return None
    return int(body) if status == HTTPStatus.OK and body.isdigit() else None


def bound_port(port: int) -> int | None:
    """Binds a port of 127.0.0.1 and frees it; returns its number, which the system chooses for 0, or None if taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
