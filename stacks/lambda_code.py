"""A Lambda function's code as it is deployed: its own folder, the functions' shared code, and the protocol.

The folder `lambda/` is an import root, not a package: its folders are imported by their own names, such as `submit`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROTOCOL = Path("async_endpoint", "protocol")
_SHARED = "shared"
_READABLE = 0o644


class LambdaCodeError(ValueError):
    """A function that cannot be staged; the message is one sentence that names the missing file."""


@contextmanager
def staged(name: str, *, sources: Path) -> Iterator[Path]:
    """Stages a function's code in a folder that exists as long as the context.

    The CDK copies the folder when it creates the function, and names the copy by the files' paths and contents: neither
    the path of the folder nor its time appears in a template.

    Args:
        name: The function's folder in `lambda/`, and the first part of its handler.
        sources: The repository, or a folder with the same layout.

    Yields:
        A folder with `NAME/*.py`, `shared/*.py`, `async_endpoint/protocol/*.py` and an empty
        `async_endpoint/__init__.py`, and nothing else: no byte code, which differs from run to run, and no part of the
        package that would need an installation.

    Raises:
        LambdaCodeError: The function's handler.py, the shared code or the protocol is missing.
    """
    function, shared, protocol = sources / "lambda" / name, sources / "lambda" / _SHARED, sources / "src" / _PROTOCOL
    for needed in (function / "handler.py", shared / "__init__.py", protocol / "__init__.py"):
        if not needed.is_file():
            raise LambdaCodeError(f"{needed} is missing; function {name} cannot be assembled without it: restore it.")
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
        folder = Path(temporary)
        _copy_modules(function, folder / name)
        _copy_modules(shared, folder / _SHARED)
        _copy_modules(protocol, folder / _PROTOCOL)
        # Not the package's own: it may import modules that a function does not include.
        _readable(folder / _PROTOCOL.parent / "__init__.py")
        yield folder


def _copy_modules(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for module in sorted(source.glob("*.py")):
        shutil.copyfile(module, _readable(target / module.name))


def _readable(path: Path) -> Path:
    """Creates a file that everybody may read: Lambda runs as another user, and the archive keeps a file's mode."""
    path.touch()
    path.chmod(_READABLE)
    return path
