"""`async-endpoint model`: pack an archive, lock its packages, and see it read a document before it is deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from async_endpoint.client.documents import Document
from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.emulator.containers import archive as archives
from async_endpoint.emulator.containers import archive_check
from async_endpoint.emulator.containers.environment import ServingEnvironment, prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.protocol import DOCUMENT_SUFFIXES

# The step that the CDK runs when it publishes the archive; the package itself knows nothing of it.
PACK = Path("model_artifacts", "pack.py")
_SAMPLES = Path("samples", "receipts")
_SHOWN = 500
_SECONDS = 900.0
_OK = range(200, 300)

Command = Callable[..., Any]


def _folder(command: Command) -> Command:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        default=Path("model_artifacts"),
        show_default=True,
        help="The folder that holds my_model/ and code/.",
    )(command)


def _dependencies(command: Command) -> Command:
    return click.option(
        "--dependencies",
        type=click.Choice(["included", "install"]),
        default="included",
        show_default=True,
        help="Bring the packages along, or have pip install them when a container starts.",
    )(command)


@click.group()
def model() -> None:
    """The model's archive: pack it, lock its packages, and see it read a document, without an endpoint."""


@model.command()
@_folder
@_dependencies
def pack(folder: Path, dependencies: str) -> None:
    """Pack model.tar.gz as a deploy would, and print its path. Quick when it is there."""
    click.echo(_packed(folder, "--dependencies", dependencies))


@model.command()
@_folder
def lock(folder: Path) -> None:
    """Resolve code/requirements.txt for the image and write code/requirements.lock. Takes a network."""
    click.echo(_packed(folder, "--lock"))


@model.command()
@click.argument("archive", type=click.Path(dir_okay=False, exists=True, path_type=Path), required=False)
@_folder
@click.option(
    "--sample",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The document to read.  [default: the first of samples/receipts]",
)
@click.option("--content-type", help="The document's content type.  [default: by its name and first bytes]")
@click.option(
    "--serving-env",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ASYNC_ENDPOINT_SERVING_ENV",
    default=Path(".venv-serving"),
    show_default=True,
    show_envvar=True,
    help="The Python 3.8 environment that stands in for the image; built when it is not there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    archive: Path | None,
    folder: Path,
    sample: Path | None,
    content_type: str | None,
    serving_env: Path,
    *,
    as_json: bool,
) -> None:
    """Have ARCHIVE, or else what is packed of the folder, read a sample in the image's Python, without a network.

    Exit status: 0 it was read, 1 it was not, 2 wrong usage.
    """
    archive = archive or _packed(folder)
    document = sample or _first_sample()
    try:
        media_type = content_type or Document.from_source(document).content_type
        serving = prepare(serving_env, lambda line: click.echo(line, err=True))
        found = _read(archive, document, media_type, serving)
    except (AsyncEndpointError, ContainerError) as error:
        raise click.ClickException(str(error)) from error
    with tarfile.open(archive) as tar:
        files = len(tar.getnames())
    found = {"archive": str(archive), "archive_mb": round(archive.stat().st_size / 1e6, 1), "files": files, **found}
    click.echo(json.dumps(found) if as_json else _in_words(found, document, media_type))
    if found.get("status") not in _OK:
        sys.exit(1)


def _packed(folder: Path, *options: str) -> Path:
    """Run the packing step of this checkout on a folder; returns the path that it prints."""
    if not PACK.is_file():
        raise click.ClickException(f"{PACK} is not here: run this in the repository, or give an archive.")
    command = [sys.executable, str(PACK), "--folder", str(folder), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        sys.exit(1)  # it has said why
    return Path(done.stdout.strip())


def _first_sample() -> Path:
    found = sorted(path for path in _SAMPLES.glob("*") if path.suffix in DOCUMENT_SUFFIXES)
    if not found:
        raise click.UsageError(f"There is no document in {_SAMPLES}: name one with --sample.")
    return found[0]


def _read(archive: Path, document: Path, media_type: str, serving: ServingEnvironment) -> dict[str, Any]:
    """Unpack an archive as an instance does, and have a process of the image's Python read a document with it."""
    with tempfile.TemporaryDirectory(prefix="model-check-") as place:
        unpacked, result = Path(place, "model"), Path(place, "result.json")
        archives.unpack(archive, unpacked)
        requirements = unpacked / "code" / "requirements.txt"
        if requirements.is_file() and any(_lines(requirements)):
            raise ContainerError(
                f"{archive} has pip install {sum(1 for _ in _lines(requirements))} packages when a container starts, "
                "which a check does not do: pack it with its dependencies included, or deploy it to the local AWS."
            )
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_", "SAGEMAKER_"))
        }
        script = Path(archive_check.__file__)
        done = subprocess.run(  # noqa: S603 - our own script, in the environment that was just looked at
            [serving.python, "-W", "ignore", script, unpacked, document.absolute(), media_type, result],
            cwd=place,
            env=environment | {"SAGEMAKER_PROGRAM": "inference.py", "PYTHONPATH": str(unpacked / "code")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if not result.is_file():
            last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise ContainerError(f"{archive.name} ended the process that read with it: {last}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found


def _lines(requirements: Path) -> list[str]:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split("#")[0].strip()]


def _in_words(found: dict[str, Any], document: Path, media_type: str) -> str:
    size = (
        f"{found['archive']}: {found['archive_mb']} MB, {found['files']} files, {found['peak_memory_mb']} MB of memory"
    )
    if "failure" in found:
        return f"{size}\nThe model does not load: {found['failure']}"
    return (
        f"{size}\n"
        f"The model loaded in {found['load_seconds']} s.\n"
        f"{document.name} ({media_type}) was answered {found['status']} in {found['first_answer_seconds']} s, "
        f"a second time in {found['second_answer_seconds']} s, as {found['content_type']}:\n"
        f"{str(found['answer'])[:_SHOWN]}"
    )
