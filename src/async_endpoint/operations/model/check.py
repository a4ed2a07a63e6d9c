"""The check of an archive: the serving toolkit loads its model and processes a document, without an endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from async_endpoint.emulator.containers import archive_check
from async_endpoint.emulator.containers.archive import unpack
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.operations.commands import run_command

if TYPE_CHECKING:
    from async_endpoint.emulator.containers.environment import ServingEnvironment

_TIMEOUT_SECONDS = 900.0
_NOT_INHERITED = ("PYTHON", "AWS_", "SAGEMAKER_")


@dataclass(frozen=True)
class CheckedArchive:
    """The outcome of a check.

    Attributes:
        archive: The archive's path.
        archive_mb: Its size.
        files: The number of its members.
        findings: What the serving toolkit returned: `failure` if the model does not load, else `status`,
            `content_type` and `answer` of the result, `load_seconds`, `first_answer_seconds`, `second_answer_seconds`
            and `peak_memory_mb`.
    """

    archive: str
    archive_mb: float
    files: int
    findings: dict[str, Any]

    @property
    def failure(self) -> str | None:
        """Why the model does not load; None if it loads."""
        return self.findings.get("failure")

    @property
    def is_processed(self) -> bool:
        """Whether the model loaded and processed the document."""
        status: int = self.findings.get("status", 0)
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES

    def to_dict(self) -> dict[str, Any]:
        """Returns everything in one dictionary."""
        members = asdict(self)
        findings: dict[str, Any] = members.pop("findings")
        return members | findings


def check_archive(archive: Path, document: Path, media_type: str, serving: ServingEnvironment) -> CheckedArchive:
    """Unpacks an archive as an instance does and processes a document with it, in the image's Python, offline.

    Raises:
        ContainerError: The archive cannot be unpacked, installs packages when a container starts, or ended the process.
    """
    with tempfile.TemporaryDirectory(prefix="model-check-") as folder:
        unpacked = Path(folder, "model")
        unpack(archive, unpacked)
        _reject_requirements(archive, unpacked / "code" / "requirements.txt")
        findings = _process(archive, unpacked, document.absolute(), media_type, serving)
    with tarfile.open(archive) as tar:
        files = len(tar.getnames())
    return CheckedArchive(str(archive), round(archive.stat().st_size / 1e6, 1), files, findings)


def _reject_requirements(archive: Path, requirements: Path) -> None:
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.is_file() else []
    packages = [line for line in lines if line.split("#")[0].strip()]
    if packages:
        raise ContainerError(
            f"{archive} has pip install {len(packages)} packages when a container starts, which a check does not do: "
            "pack it with its dependencies included, or deploy it to the local AWS."
        )


def _process(
    archive: Path, unpacked: Path, document: Path, media_type: str, serving: ServingEnvironment
) -> dict[str, Any]:
    """Runs `archive_check.py` with the serving environment's Python and returns its findings."""
    result = unpacked.with_name("result.json")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    finished = run_command(
        [serving.python, "-W", "ignore", archive_check.__file__, unpacked, document, media_type, result],
        cwd=unpacked.parent,
        env=environment | {"SAGEMAKER_PROGRAM": "inference.py", "PYTHONPATH": str(unpacked / "code")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_TIMEOUT_SECONDS,
    )
    if not result.is_file():
        last_line = (finished.stderr.strip() or f"exit status {finished.returncode}").splitlines()[-1]
        raise ContainerError(f"{archive.name} ended the process that loaded it: {last_line}")
    findings: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return findings
