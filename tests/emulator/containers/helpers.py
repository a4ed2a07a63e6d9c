"""Small archives, wheels and looks at processes for these tests."""

import io
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil

from async_endpoint.emulator.containers import opt_ml


def write_archive(path: Path, files: dict[str, str]) -> Path:
    """A model.tar.gz of these files."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def write_wheel(folder: Path, name: str, version: str) -> Path:
    """A pure Python wheel whose package says its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f'VERSION = "{version}"\n')
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def has_private_opt_ml() -> bool:
    """Whether this machine allows containers an /opt/ml of their own."""
    command = [sys.executable, "-I", "-S", opt_ml.__file__, tempfile.gettempdir(), "true"]
    return opt_ml.NONE_HERE not in subprocess.run(command, capture_output=True, text=True, check=True).stderr


def process_tree(root: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    process = psutil.Process(root)
    return [process, *process.children(recursive=True)]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; psutil knows a reused process id from the old one."""

    def lives(process: psutil.Process) -> bool:
        try:
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:  # it ended between the two questions
            return False

    return [each for each in processes if lives(each)]


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def of_program(root: int | None, program: str) -> list[psutil.Process]:
    """A process's living descendants, or itself, that run a script or a Java class."""
    assert root is not None, "it has not been started"
    found = []
    for process in living(process_tree(root)):
        try:
            if any(word.endswith(program) for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
