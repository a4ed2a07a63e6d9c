"""The hook that keeps a Python process from the network, in processes of the tests' own."""

import subprocess
import sys

import pytest

from async_endpoint.emulator.containers import no_network

# An address of TEST-NET-1 (RFC 5737), which nobody has.
ELSEWHERE = "192.0.2.1"


def run(code: str) -> str:
    script = f"import runpy; runpy.run_path({no_network.__file__!r})['install']()\nimport socket\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        f"socket.create_connection(('{ELSEWHERE}', 80), 1)",
        f"socket.socket().connect_ex(('{ELSEWHERE}', 80))",
        f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{ELSEWHERE}', 53))",
        "socket.getaddrinfo('models.example', 443)",
        "socket.gethostbyname('models.example')",
        "import urllib.request; urllib.request.urlopen('http://models.example/weights')",
        "import asyncio; asyncio.run(asyncio.open_connection('models.example', 443))",
        f"import _socket; _socket.socket().connect(('{ELSEWHERE}', 80))",
    ],
)
def test_nothing_beyond_this_machine_is_reached(code: str) -> None:
    assert no_network.SENTENCE in run(code)


def test_this_machine_is_reached_and_errors_are_the_kernels() -> None:
    code = (
        "import tempfile, os\n"
        "server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]\n"
        "socket.create_connection(('127.0.0.1', port)).close(); socket.create_connection(('localhost', port)).close()\n"
        "path = os.path.join(tempfile.mkdtemp(), 's'); unix = socket.socket(socket.AF_UNIX)\n"
        "unix.bind(path); unix.listen()\n"
        "socket.socket(socket.AF_UNIX).connect(path)\n"
        "print('all')"
    )
    assert run(code) == "all\n"


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", b"localhost"])  # noqa: S104 - asked about
def test_local_hosts(host: object) -> None:
    assert no_network.is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "169.254.169.254", "fe80::1%eth0", "example"])
def test_other_hosts(host: str) -> None:
    assert not no_network.is_local(host)
