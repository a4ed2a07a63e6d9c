from pathlib import Path

import pytest

from async_endpoint.emulator.containers import container_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ERROR: No matching distribution found for a==1\nTraceback (most recent call last):\nValueError: b\n",
         "No matching distribution found for a==1"),
        ("Traceback (most recent call last):\n  x\nOSError: disk full\nbye\n", "OSError: disk full"),
        ("java.io.IOException: Failed to bind\n\tat a.b(C.java:1)\nCaused by: x.YError: bind\n\tat d.e(F.java:2)\n",
         "java.io.IOException: Failed to bind"),
        ("some words\n  more\n\n", "some words"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_the_reason_of_a_containers_end(log: Path, text: str, reason: str) -> None:
    log.write_text(text)
    assert container_log.end_reason(log) == reason


def test_a_port_clash_differs_from_other_failures(log: Path) -> None:
    log.write_text("io.netty.channel.unix.Errors$NativeIoException: bind(..) failed: Address already in use\n")
    assert container_log.port_clash(log)
    log.write_text("Model server started.\n")
    assert not container_log.port_clash(log)
