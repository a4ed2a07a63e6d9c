"""A Lambda function's code as it is deployed: its own folder, and the protocol that it shares with client and emulator.

The folder `lambda/` is an import root, not a package: what stands in it is imported by its own name, as `submit`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROTOCOL = Path("async_endpoint", "protocol")
_READABLE = 0o644


class LambdaCodeError(ValueError):
    """A function that cannot be put together. Its message is one sentence for whoever moved its files."""


@contextmanager
def staged(name: str, *, sources: Path) -> Iterator[Path]:
    """Puts a function's code together in a folder that lasts as long as the context.

    The CDK copies the folder while it makes the function, and names it by the files' paths and contents: neither where
    the folder was nor when it was written shows in a template.

    Args:
        name: The function's folder in `lambda/`, and the first part of its handler.
        sources: The repository, or a folder laid out like it.

    Yields:
        A folder with `NAME/*.py`, `async_endpoint/protocol/*.py` and an empty `async_endpoint/__init__.py`, and nothing
        else: no byte code, which differs from run to run, and nothing of the package that would need an installation.

    Raises:
        LambdaCodeError: The function has no handler.py, or the protocol is not where it was.
    """
    function, protocol = sources / "lambda" / name, sources / "src" / _PROTOCOL
    for needed in (function / "handler.py", protocol / "__init__.py"):
        if not needed.is_file():
            raise LambdaCodeError(
                f"{needed} is missing; function {name} cannot be put together without it: restore it."
            )
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
        folder = Path(temporary)
        _copy_modules(function, folder / name)
        _copy_modules(protocol, folder / _PROTOCOL)
        # Not the package's own: it may import what a function does not carry.
        _readable(folder / _PROTOCOL.parent / "__init__.py")
        yield folder


def _copy_modules(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for module in sorted(source.glob("*.py")):
        shutil.copyfile(module, _readable(target / module.name))


def _readable(path: Path) -> Path:
    """Makes a file that everybody may read: Lambda runs as another user, and the archive keeps a file's mode."""
    path.touch()
    path.chmod(_READABLE)
    return path
