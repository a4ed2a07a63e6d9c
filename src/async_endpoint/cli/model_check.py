"""`async-endpoint model check`: run an archive in a container as an endpoint does, and say what it returns."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.serving_options import serving_env_option
from async_endpoint.client.documents import Document
from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.counted import counted
from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.operations.cdk import CdkError, synthesised
from async_endpoint.operations.model.check import CheckedArchive, check_archive
from async_endpoint.operations.model.packing import PackingError, pack_archive, shown, version_variables
from async_endpoint.operations.model.stage import ContainerSettings, StageError, StageModel
from async_endpoint.operations.preflight import AssemblyError
from async_endpoint.protocol import DOCUMENT_SUFFIXES
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName, ServingImage

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAMPLES = Path("samples", "receipts")
_DEFAULT_FOLDER = Path("model_artifacts")
_SHOWN_CHARACTERS = 500


def variables_of(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Returns the variables of NAME=VALUE texts."""
    pairs = [text.partition("=") for text in values]
    for name, equals, _value in pairs:
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise click.BadParameter(f"{name}{equals} is not NAME=VALUE.")
    return {name: value for name, _equals, value in pairs}


@click.command()
@click.argument("archive", type=click.Path(dir_okay=False, exists=True, path_type=Path), required=False)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder with the weights and code/.  [default: model_artifacts, or the stage's]",
)
@click.option("--stage", metavar="NAME", help="Give the container what this stage gives it; the stage is synthesised.")
@click.option(
    "--app",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of `cdk synth --output`, in place of a stage.",
)
@click.option(
    "--environment",
    "environment",
    metavar="NAME=VALUE",
    multiple=True,
    callback=variables_of,
    help="A variable of the container; repeatable; overrides the stage's.",
)
@click.option(
    "--sample",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The document to process.  [default: the first of samples/receipts]",
)
@click.option(
    "--content-type", metavar="TYPE", help="The document's content type.  [default: by its name and first bytes]"
)
@click.option(
    "--image",
    type=click.Choice(list(IMAGES)),
    help=f"The image that the container runs.  [default: the stage's, or {DEFAULT_IMAGE}]",
)
@serving_env_option
@click.option("--log", "with_log", is_flag=True, help="Print everything that the container logs, to standard error.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    *,
    archive: Path | None,
    folder: Path | None,
    stage: str | None,
    app: Path | None,
    environment: dict[str, str],
    sample: Path | None,
    content_type: str | None,
    image: ImageName | None,
    serving_env: Path,
    with_log: bool,
    as_json: bool,
) -> None:
    """Run an archive in a container and process a sample.

    The container is that of the local AWS: the image's toolkit and model server, without Docker. Without ARCHIVE, packs
    the folder and checks that archive. Without a stage, the container has no network, unless it installs packages.
    Prints what the endpoint would return, times, and the most memory.

    \b
    async-endpoint model check --stage dev --sample samples/receipts/receipt-000.jpg
    async-endpoint model check model.tar.gz --sample document.png --json

    Exit status: 0 the sample was processed, 1 it was not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    document = sample or _first_sample()
    try:
        target = _target(_Sources(archive, folder, stage, app), IMAGES[image] if image else None, environment)
        media_type = content_type or Document.from_source(document).content_type
        serving = prepare(serving_env, lambda line: click.echo(line, err=True), target.image)
        checked = check_archive(target.archive, document, media_type, serving, target.settings)
    except (AsyncEndpointError, CdkError, ContainerError, StageError) as error:
        raise click.ClickException(str(error)) from error
    except AssemblyError as error:
        raise click.UsageError(str(error)) from error
    except PackingError as error:
        if str(error):
            raise click.ClickException(str(error)) from error
        sys.exit(1)
    if with_log:
        click.echo(checked.log, err=True, nl=False)
    click.echo(json.dumps(checked.to_dict()) if as_json else _as_text(checked, document, media_type))
    if checked.failure is not None:
        sys.exit(1)


@dataclasses.dataclass(frozen=True)
class _Sources:
    """What the command line names: an archive, a folder to pack, and where settings are."""

    archive: Path | None
    folder: Path | None
    stage: str | None
    app: Path | None


@dataclasses.dataclass(frozen=True)
class _Target:
    """An archive to check, the image that runs it, and what its container gets."""

    archive: Path
    image: ServingImage
    settings: ContainerSettings


def _target(sources: _Sources, image: ServingImage | None, variables: dict[str, str]) -> _Target:
    """Returns what is to be checked; packs the archive if none is named."""
    archive, folder, app = sources.archive, sources.folder, sources.app
    if archive is not None and folder is not None:
        raise click.UsageError("Name an archive or a --folder, not both.")
    if sources.stage is not None and app is not None:
        raise click.UsageError("Name a --stage or an --app, not both.")
    if sources.stage is None and app is None:
        image = image or IMAGES[DEFAULT_IMAGE]
        archive = archive or _pack(folder, variables, image)
        environment = {"SAGEMAKER_PROGRAM": "inference.py"} | version_variables(archive) | variables
        return _Target(archive, image, ContainerSettings(environment))
    with contextlib.nullcontext(app) if app else synthesised(sources.stage or "") as assembly:
        model = StageModel.from_assembly(assembly, variables, image)
    if archive is None and folder is None:
        return _Target(model.pack(), model.image, model.settings)
    archive = archive or _pack(folder, {**model.settings.environment, **variables}, model.image)
    environment = {**model.settings.environment, **version_variables(archive), **variables}
    return _Target(archive, model.image, dataclasses.replace(model.settings, environment=environment))


def _pack(folder: Path | None, variables: Mapping[str, str], image: ServingImage) -> Path:
    return pack_archive(folder or _DEFAULT_FOLDER, program=variables.get("SAGEMAKER_PROGRAM"), image=image.name)


def _first_sample() -> Path:
    found = sorted(path for path in _SAMPLES.glob("*") if path.suffix in DOCUMENT_SUFFIXES)
    if not found:
        raise click.UsageError(f"There is no document in {_SAMPLES}: name one with --sample.")
    return found[0]


def _as_text(checked: CheckedArchive, document: Path, media_type: str) -> str:
    return "\n".join(
        [
            (
                f"{shown(Path(checked.archive))}: {checked.archive_mb} MB, {counted(checked.files, 'file')}, "
                f"{checked.peak_memory_mb} MB of memory"
            ),
            *checked.notes,
            *(_of_load(checked)),
            *(_of_result(checked, f"{document.name} ({media_type})") if checked.is_loaded else []),
        ]
    )


def _of_load(checked: CheckedArchive) -> list[str]:
    if checked.is_loaded:
        return [f"The model was ready {checked.load_seconds} s after the start of the container."]
    return [f"The model does not load: {checked.failure}", *_last_lines(checked)]


def _of_result(checked: CheckedArchive, name: str) -> list[str]:
    if checked.failure is not None:
        return [f"{name} fails: {checked.failure}", *_last_lines(checked)]
    at_once = f", {checked.batch_size} at once in {checked.batch_seconds} s" if checked.batch_size else ""
    return [
        (
            f"{name} returned status {checked.status} in {checked.first_result_seconds} s, "
            f"a second time in {checked.second_result_seconds} s{at_once}, "
            f"as {checked.content_type} ({counted(checked.result_bytes or 0, 'byte')}):"
        ),
        _shortened(checked.result or ""),
    ]


def _shortened(text: str) -> str:
    more = len(text) - _SHOWN_CHARACTERS
    return f"{text[:_SHOWN_CHARACTERS]}... ({counted(more, 'more character')}; --json prints all)" if more > 0 else text


def _last_lines(checked: CheckedArchive) -> list[str]:
    if not checked.last_lines:
        return []
    return ["The last lines (--log prints all):", *(f"  {line}" for line in checked.last_lines)]
