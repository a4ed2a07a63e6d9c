"""Keeps the Python processes of a container from the network, as network isolation does on SageMaker.

The overlay of an isolated container runs it at the start of every interpreter: pip's, the toolkit's, the workers'.
Connections to this machine stay possible, as in an isolated container. It is an audit hook (PEP 578), which sees every
use of Python's sockets and cannot be taken out again; a program that is not Python, or that brings a network library of
its own, is not held back. Python 3.8, standard library only.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

SENTENCE = "The container runs without a network (network isolation)"

_CONNECTIONS = ("socket.connect", "socket.sendto", "socket.sendmsg")  # their arguments: socket, address
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname")  # their first argument: host


def is_local(host: Any) -> bool:
    """Returns whether a host, a name or an address, is this machine."""
    text = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host
    if text in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _reject(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises OSError for what would leave this machine."""
    if event in _CONNECTIONS and isinstance(arguments[1], tuple):  # the address of a Unix socket is a path
        host = arguments[1][0]
    elif event in _LOOKUPS:
        host = arguments[0]
    else:
        return
    if not is_local(host):
        raise OSError(f"{SENTENCE}: {host!r} cannot be reached.")


def install() -> None:
    """Rejects connections of this process from now on."""
    sys.addaudithook(_reject)
