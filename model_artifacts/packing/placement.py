"""Finds code and weights where the container does not look for them, and says what to move."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from async_endpoint.protocol.serving_images import ModelServer
from model_artifacts.packing import default_model, torchscript
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.layout import CODE, MODEL, WEIGHTS, files_elsewhere, script_places

if TYPE_CHECKING:
    from async_endpoint.protocol.serving_images import ServingImage
    from model_artifacts.packing.layout import Layout


_DEFINES = re.compile(r"^def (model_fn|transform_fn)\b", re.MULTILINE)


def check_script(folder: Path, layout: Layout, program: str, image: ServingImage) -> str | None:
    """Checks that the container finds the code, or can do without.

    Without SAGEMAKER_PROGRAM, the toolkit's functions load one TorchScript file and process JSON, CSV and NPY; those of
    the Hugging Face image load a pipeline.

    Returns:
        A note if the code is where the container finds it and SageMaker's documentation does not have it.

    Raises:
        ArchiveError: The code is in another place, or there is neither code nor a model that the toolkit loads.
    """
    wanted = script_places(program)[1]
    if layout.script == wanted:
        return None
    if layout.script is not None:
        return f"the container finds {layout.script}, but SageMaker's documentation names {wanted}"
    found = _closest([name for name in files_elsewhere(folder) if _is_script(name, wanted)])
    if found is not None:
        raise ArchiveError(f"{folder / found} is not where the container looks; {_move(folder, found, wanted)}.")
    other = _other_program(layout)
    if other is not None:
        raise ArchiveError(
            f"{folder / wanted} is missing, and {other} has the functions; rename it to {wanted}, or set "
            f'SAGEMAKER_PROGRAM = "{PurePosixPath(other).name}" in [model.environment].'
        )
    _check_default_model(folder, layout, wanted, image)
    return None


def _check_default_model(folder: Path, layout: Layout, wanted: str, image: ServingImage) -> None:
    if image.server is ModelServer.TORCHSERVE and not torchscript.candidates(layout.files):
        inside = torchscript.in_folder(layout.files, MODEL)
        if inside is not None:
            raise ArchiveError(
                f"{folder / wanted} is missing: write it, or move {inside} to the top of the folder if torch.jit.save "
                "wrote it."
            )
        raise ArchiveError(f"{folder / wanted} is missing; it is the code that the endpoint runs.")
    reason = default_model.reason_against(layout.files, image)
    if reason is not None:
        raise ArchiveError(
            f"{folder / wanted} is missing, and without code the toolkit loads {default_model.kind(image)}: {reason}."
        )


def _other_program(layout: Layout) -> str | None:
    """Returns a module directly in code/ that defines what only a program defines."""
    return next(
        (
            name
            for name, path in sorted(layout.files.items())
            if PurePosixPath(name).parent.as_posix() == CODE
            and name.endswith(".py")
            and _DEFINES.search(path.read_text(encoding="utf-8", errors="replace"))
        ),
        None,
    )


def check_weights(folder: Path, layout: Layout) -> str | None:
    """Checks that the weights are where they are packed.

    Returns:
        A note if there are no weights at all, which code may not need; None otherwise.

    Raises:
        ArchiveError: The weights are in a folder that is not packed, or my_model/ has nothing to pack.
    """
    if layout.weights:
        return None
    found = _closest([name for name in files_elsewhere(folder) if PurePosixPath(name).suffix.lower() in WEIGHTS])
    if found is not None:
        raise ArchiveError(
            f"{folder / found} is not packed; move it into {MODEL}/, to the top of {folder} or into {CODE}/, and "
            "have model_fn read it from there."
        )
    if (folder / MODEL).is_dir():
        raise ArchiveError(
            f"{folder / MODEL} has no file to pack; put the model's files there, or remove the folder if the code "
            "needs none."
        )
    return f"no weights were found in {MODEL}/, at the top of the folder or in {CODE}/"


def _is_script(name: str, wanted: str) -> bool:
    return PurePosixPath(name).name.lower() == PurePosixPath(wanted).name.lower()


def _closest(names: list[str]) -> str | None:
    return min(names, key=lambda name: (name.count("/"), name), default=None)


def _move(folder: Path, found: str, wanted: str) -> str:
    """Returns what to do with a program that is in another place."""
    path = PurePosixPath(found)
    if path.parent.name == CODE and path.name == PurePosixPath(wanted).name:
        return f"move {path.parent}/ up to {CODE}/, or use --folder {folder / path.parent.parent}"
    if len(path.parts) == 1:
        return f"move it to {wanted}"
    if path.parent.name.lower() == CODE:
        return f"rename it to {path.parent.parent / wanted}" if len(path.parts) > 2 else f"rename it to {wanted}"  # noqa: PLR2004 - a folder and a file
    return f"move it to {wanted}, with the modules beside it"
