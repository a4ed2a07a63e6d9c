"""Free ports on the loopback interface."""

import random
import socket
import threading

# Below the range from which the kernel takes ports for outgoing connections, so that none of those takes one.
_LOWEST, _HIGHEST = 20000, 32000

_lock = threading.Lock()
_taken: set[int] = set()


def reserve(count: int) -> list[int]:
    """Returns ports that nothing listens on and no other caller in this process holds; `release` gives them back."""
    with _lock:
        candidates = random.sample(range(_LOWEST, _HIGHEST), k=_HIGHEST - _LOWEST)
        ports = []
        for port in candidates:
            if port not in _taken and _is_free(port):
                ports.append(port)
                if len(ports) == count:
                    _taken.update(ports)
                    return ports
    raise OSError(f"Fewer than {count} of the ports {_LOWEST}-{_HIGHEST} on 127.0.0.1 are free.")


def release(ports: list[int]) -> None:
    """Gives ports back."""
    with _lock:
        _taken.difference_update(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
