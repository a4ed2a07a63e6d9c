"""The `torchserve` of a container. A script, run by the overlay's Python with the arguments of the real one.

    python torchserve_program.py ARGUMENT...

It starts the installed TorchServe and binds its gRPC to loopback. 0.6.0 has no setting for that: it calls
`NettyServerBuilder.forPort(port)`, which binds every interface. In an image that is the container's own network; here
it would be the machine's. TorchServe's class path begins with its working directory, so a copy of that one class is
written there, in which `forPort(port)` is `forAddress(new InetSocketAddress("127.0.0.1", port))`; everything else is as
in the jar. 0.12.0 gives an address itself, 127.0.0.1 if none is set, and never calls the method.

It also makes TorchServe measure this machine once instead of each minute: the measuring Python process would look like
the model's work where AWS's clock is fast. 0.6.0 reads that setting from its configuration file only.

Python 3.8 and later, standard library only until TorchServe starts. Class files: the Java Virtual Machine
Specification, chapter 4.
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

BUILDER = "io/grpc/netty/shaded/io/grpc/netty/NettyServerBuilder"
_ADDRESS = "java/net/InetSocketAddress"
_UTF8, _CLASS, _STRING, _METHOD_REFERENCE, _NAME_AND_TYPE = 1, 7, 8, 10, 12
# Bytes after the tag of each other constant. Long and double (5, 6) take two places.
_CONSTANT_SIZES = {
    **dict.fromkeys((7, 8, 16, 19, 20), 2),
    15: 3,
    **dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4),
    5: 8,
    6: 8,
}
_TWO_PLACES = (5, 6)

_ONCE = 2**31 - 1  # seconds until the next time


class UnknownClassFileError(Exception):
    """The class file is not as expected; the message is one sentence."""


class _ClassFile:
    """A Java class file that is read from front to back, and whose table of constants can grow."""

    def __init__(self, content: bytes) -> None:
        if content[:4] != b"\xca\xfe\xba\xbe":
            raise UnknownClassFileError(f"{BUILDER}.class is not a class file.")
        self._content = content
        self._count = int.from_bytes(content[8:10], "big")
        self._strings: dict[int, bytes] = {}
        self._added = b""
        self.at = 10
        index = 1
        while index < self._count:
            tag = self.take(1)
            if tag == _UTF8:
                self._strings[index] = self.skip(self.take(2))
            elif tag in _CONSTANT_SIZES:
                self.skip(_CONSTANT_SIZES[tag])
            else:
                raise UnknownClassFileError(f"{BUILDER}.class holds a constant of the unknown kind {tag}.")
            index += 2 if tag in _TWO_PLACES else 1
        self._constants_end = self.at

    def take(self, size: int) -> int:
        """Returns the next big-endian number of so many bytes."""
        return int.from_bytes(self.skip(size), "big")

    def skip(self, size: int) -> bytes:
        """Returns the next bytes."""
        self.at += size
        return self._content[self.at - size : self.at]

    def string(self, index: int) -> bytes:
        """Returns the text at an index of the table of constants."""
        return self._strings.get(index, b"")

    def add(self, tag: int, *parts: int) -> int:
        """Adds a constant of two-byte parts; returns its index."""
        return self._append(struct.pack(f">B{len(parts)}H", tag, *parts))

    def add_string(self, text: str) -> int:
        """Adds a text; returns its index."""
        return self._append(struct.pack(">BH", _UTF8, len(text)) + text.encode("ascii"))

    def add_method(self, owner: str, name: str, descriptor: str) -> int:
        """Adds a method of a class; returns its index."""
        named = self.add(_NAME_AND_TYPE, self.add_string(name), self.add_string(descriptor))
        return self.add(_METHOD_REFERENCE, self.add_class(owner), named)

    def add_class(self, name: str) -> int:
        """Adds a class; returns its index."""
        return self.add(_CLASS, self.add_string(name))

    def skip_attributes(self) -> None:
        """Skips a list of attributes."""
        for _ in range(self.take(2)):
            self.skip(2)
            self.skip(self.take(4))

    def replaced(self, start: int, end: int, new: bytes) -> bytes:
        """Returns the whole file with other bytes from `start` to `end`, and with the added constants."""
        content, after_constants = self._content, self._constants_end
        constants = struct.pack(">H", self._count) + content[10:after_constants] + self._added
        return content[:8] + constants + content[after_constants:start] + new + content[end:]

    def _append(self, constant: bytes) -> int:
        self._added += constant
        self._count += 1
        return self._count - 1


def on_loopback(builder: bytes) -> bytes:
    """Returns the class file of NettyServerBuilder with `forPort` bound to 127.0.0.1.

    Raises:
        UnknownClassFileError: It has no such method, or is not a class file.
    """
    java = _ClassFile(builder)
    java.skip(6)  # flags, name, parent
    java.skip(2 * java.take(2))  # interfaces
    for _ in range(java.take(2)):  # fields
        java.skip(6)
        java.skip_attributes()
    for _ in range(java.take(2)):
        java.skip(2)
        name, descriptor = java.string(java.take(2)), java.string(java.take(2))
        wanted = (name, descriptor) == (b"forPort", f"(I)L{BUILDER};".encode("ascii"))
        for _ in range(java.take(2)):
            attribute = java.string(java.take(2))
            start = java.at
            java.skip(java.take(4))
            if wanted and attribute == b"Code":
                end = java.at
                return java.replaced(start, end, _code(java))
    raise UnknownClassFileError(f"{BUILDER}.class has no method forPort(int).")


def _code(java: _ClassFile) -> bytes:
    """Returns the Code attribute of `forPort`, from its length on; the body is that of the module's docstring."""
    address = java.add_class(_ADDRESS)
    loopback = java.add(_STRING, java.add_string("127.0.0.1"))
    construct = java.add_method(_ADDRESS, "<init>", "(Ljava/lang/String;I)V")
    for_address = java.add_method(BUILDER, "forAddress", f"(Ljava/net/SocketAddress;)L{BUILDER};")
    # The instructions: new, dup, ldc_w, iload_0, invokespecial, invokestatic, areturn.
    body = struct.pack(
        ">BHBBHBBHBHB", 0xBB, address, 0x59, 0x13, loopback, 0x1A, 0xB7, construct, 0xB8, for_address, 0xB0
    )
    # At most four words of stack, one local variable, no handlers, no attributes.
    code = struct.pack(">HHI", 4, 1, len(body)) + body + struct.pack(">HH", 0, 0)
    return struct.pack(">I", len(code)) + code


def keep_grpc_on_loopback(jars: Path, class_path: Path) -> None:
    """Writes the changed class of TorchServe's jar below `class_path`.

    Raises:
        UnknownClassFileError: No jar holds the class, or it is not as expected.
    """
    member = f"{BUILDER}.class"
    for jar in sorted(jars.glob("*.jar")):
        with zipfile.ZipFile(jar) as opened:
            if member in opened.NameToInfo:
                target = class_path / member
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(on_loopback(opened.read(member)))
                return
    raise UnknownClassFileError(f"No jar in {jars} holds {member}.")


def spare_system_metrics(arguments: list[str]) -> None:
    """Adds the setting that TorchServe measures the machine once to the configuration file of the toolkit."""
    if "--ts-config" in arguments[:-1]:
        with Path(arguments[arguments.index("--ts-config") + 1]).open("a", encoding="utf-8") as configuration:
            configuration.write(f"\nmetric_time_interval={_ONCE}\n")


def main() -> None:
    """Starts TorchServe."""
    sys.path.pop(0)  # this script's own folder: in a container none of our code is on the import path
    found = importlib.util.find_spec("ts")
    if found is None or not found.submodule_search_locations:
        sys.exit("There is no TorchServe in this environment.")
    try:
        keep_grpc_on_loopback(Path(found.submodule_search_locations[0], "frontend"), Path.cwd())
    except UnknownClassFileError as error:
        sys.exit(f"This TorchServe's gRPC cannot be kept on loopback: {error}")
    spare_system_metrics(sys.argv)
    server: Any = importlib.import_module("ts.model_server")
    sys.exit(server.start())


if __name__ == "__main__":
    main()
