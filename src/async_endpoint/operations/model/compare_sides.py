"""Makes the sides of a comparison: of each image, the archive that is packed for it and what its container gets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.operations.cdk import synthesised
from async_endpoint.operations.model.compare_serving import Side
from async_endpoint.operations.model.packing import pack_archive, version_variables
from async_endpoint.operations.model.stage import ContainerSettings, StageModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from async_endpoint.protocol.serving_images import ServingImage

_DEFAULT_FOLDER = Path("model_artifacts")


@dataclass(frozen=True)
class Wanted:
    """What is the same for both sides.

    Attributes:
        stage: The stage whose variables and limits a container gets; None for those of the image.
        variables: Variables that override the stage's.
        serving: The folder of the default image's serving environment, beside which are those of the others.
        echo: Hears what takes long.
    """

    stage: str | None
    variables: Mapping[str, str]
    serving: Path
    echo: Callable[[str], None]


def make_side(image: ServingImage, folder: Path | None, wanted: Wanted) -> Side:
    """Packs a folder for an image, and returns the side that serves it there.

    Args:
        image: The image.
        folder: The folder with the weights and code/; None for the stage's, or the bundled model's.
        wanted: What both sides share.

    Raises:
        CdkError: The stage cannot be synthesised with this image.
        StageError: The stage's container cannot be run here.
        PackingError: The folder cannot be packed for this image.
        ContainerError: The image's serving environment cannot be built.
    """
    serving = prepare(wanted.serving, wanted.echo, image)
    wanted.echo(f"Packing the model for {image.name}")
    if wanted.stage is None:
        program = wanted.variables.get("SAGEMAKER_PROGRAM")
        archive = pack_archive(folder or _DEFAULT_FOLDER, program=program, image=image.name)
        variables = {"SAGEMAKER_PROGRAM": "inference.py", **version_variables(archive), **wanted.variables}
        return Side(image.name, archive, serving, ContainerSettings(variables))
    with synthesised(wanted.stage, image=image.name) as assembly:
        model = StageModel.from_assembly(assembly, wanted.variables)
        if folder is None:
            return Side(image.name, model.pack(), serving, model.settings)
    archive = pack_archive(folder, program=model.settings.environment.get("SAGEMAKER_PROGRAM"), image=image.name)
    variables = {**model.settings.environment, **version_variables(archive), **wanted.variables}
    return Side(image.name, archive, serving, dataclasses.replace(model.settings, environment=variables))
