import socket
from collections.abc import Iterator

import pytest

from async_endpoint.emulator.containers import ports


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[range]:
    """Only eight ports to choose from."""
    first = next(port for port in range(24000, 32000, 8) if all(ports._is_free(port + each) for each in range(8)))
    monkeypatch.setattr(ports, "_LOWEST", first)
    monkeypatch.setattr(ports, "_HIGHEST", first + 8)
    yield range(first, first + 8)
    ports.release(list(range(first, first + 8)))


def test_ports_are_handed_out_once_until_given_back(narrow: range) -> None:
    first = ports.reserve(4)
    second = ports.reserve(2)
    assert len({*first, *second}) == 6
    assert {*first, *second} <= set(narrow)
    with pytest.raises(OSError, match="Fewer than 4 of the ports"):
        ports.reserve(4)
    ports.release(first)
    assert not set(ports.reserve(4)) & set(second)


def test_a_port_in_use_is_not_handed_out(narrow: range) -> None:
    with socket.create_server(("127.0.0.1", narrow[3])):
        assert narrow[3] not in ports.reserve(7)
