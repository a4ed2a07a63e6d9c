"""What a stage gives the container of its model, read from its synthesised app."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from async_endpoint.emulator.hosting.model import primary_container
from async_endpoint.operations.commands import CommandError, run_command
from async_endpoint.operations.preflight.assembly import Archive, Assembly
from async_endpoint.operations.preflight.intrinsics import PseudoParameters, text_of
from async_endpoint.protocol.serving_images import IMAGE_BASE, IMAGES, ServingImage, image_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# TorchServe's, and that of the archive's own code in front of the model (model_artifacts/code/model_process.py).
_BATCH_SIZES = ("SAGEMAKER_TS_BATCH_SIZE", "MODEL_BATCH_SIZE")
_STARTUP_SECONDS = 600.0
_ANY_ACCOUNT, _ANY_REGION = "000000000000", "us-east-1"


class StageError(Exception):
    """A stage whose container cannot be checked here; the message says why and what to do."""


@dataclass(frozen=True)
class ContainerSettings:
    """What a container gets beside the archive; the defaults are those of a Model without settings.

    Attributes:
        environment: The Model's environment variables.
        isolated: Whether it has no network; None for no network, unless it installs packages when it starts.
        startup_seconds: How long it may take until the model is ready.
        concurrency: How many requests SageMaker sends to an instance at a time; None for as many as make a batch.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: {"SAGEMAKER_PROGRAM": "inference.py"})
    isolated: bool | None = None
    startup_seconds: float = _STARTUP_SECONDS
    concurrency: int | None = None

    @property
    def batch_size(self) -> int:
        """The number of requests that a worker gets together."""
        return max(int(self.environment.get(name, "1")) for name in _BATCH_SIZES)

    @property
    def at_once(self) -> int:
        """The number of requests that the container gets at a time."""
        return self.concurrency or self.batch_size


@dataclass(frozen=True)
class StageModel:
    """A stage's model: the settings of its container, and what packs its archive.

    Attributes:
        image: The image of AWS's that its container runs, or is built from.
        settings: What the container gets.
        packing: The command that packs the archive and prints its path; None for a model that is in S3 already.
        location: Where the model's files are, or will be, in S3.
    """

    image: ServingImage
    settings: ContainerSettings
    packing: tuple[str, ...] | None
    location: str

    @classmethod
    def from_assembly(
        cls, folder: Path, variables: Mapping[str, str] | None = None, image: ServingImage | None = None
    ) -> StageModel:
        """Reads a folder of `cdk synth --output`; `variables` and `image` override those of the template.

        Raises:
            AssemblyError: The folder has no assembly.
            StageError: It has no model, several, or one whose container this machine does not have.
        """
        assembly = Assembly.from_folder(folder)
        pseudo = PseudoParameters(assembly.account or _ANY_ACCOUNT, assembly.region or _ANY_REGION)
        models = _resources(assembly, "AWS::SageMaker::Model")
        if len(models) != 1:
            raise StageError(f"The app in {folder} has {len(models)} SageMaker models: one is checked at a time.")
        definition = primary_container(models[0])
        image = image or _image(definition, _base(assembly), pseudo)
        configs = _resources(assembly, "AWS::SageMaker::EndpointConfig")
        variants = [variant for config in configs for variant in config.get("ProductionVariants", ())]
        startup = variants[0].get("ContainerStartupHealthCheckTimeoutInSeconds") if variants else None
        clients = [config.get("AsyncInferenceConfig", {}).get("ClientConfig", {}) for config in configs]
        settings = ContainerSettings(
            _environment({**definition.get("Environment", {}), **(variables or {})}, pseudo),
            isolated=bool(models[0].get("EnableNetworkIsolation", False)),
            startup_seconds=float(startup or _STARTUP_SECONDS),
            concurrency=clients[0].get("MaxConcurrentInvocationsPerInstance") if clients else None,
        )
        places = assembly.archives(pseudo)
        if not places:
            return cls(image, settings, None, "a place that only a deploy determines")
        return cls(image, settings, _packing(folder, places[0], pseudo), f"s3://{places[0].bucket}/{places[0].key}")

    def pack(self) -> Path:
        """Returns the archive that a deploy uploads; packs it unless it exists.

        Raises:
            StageError: The model is in S3 already, or the packing step failed.
        """
        if self.packing is None:
            raise StageError(f"The stage's model is in {self.location}: copy it here and name the archive.")
        try:
            finished = run_command(self.packing, stdout=subprocess.PIPE)
        except CommandError as error:
            raise StageError(f"The stage's archive could not be packed: {error} Synthesise the stage again.") from error
        if finished.returncode:
            raise StageError("The stage's archive could not be packed.")
        return Path(finished.stdout.strip())


def _resources(assembly: Assembly, kind: str) -> list[dict[str, Any]]:
    return [properties for stack in assembly.stacks for _, properties in stack.resources(kind)]


def _base(assembly: Assembly) -> str | None:
    """Returns the name of the image that the model's own image is built from, as the stacks write it."""
    resources = [resource for stack in assembly.stacks for resource in stack.template.get("Resources", {}).values()]
    return next((each["Metadata"][IMAGE_BASE] for each in resources if IMAGE_BASE in each.get("Metadata", {})), None)


def _image(definition: Mapping[str, Any], base: str | None, pseudo: PseudoParameters) -> ServingImage:
    """Returns the image of AWS's that a container runs, or that its own is built from.

    Raises:
        StageError: It is neither.
    """
    uri = text_of(definition.get("Image"), pseudo) or "which only a deploy determines"
    image = image_of(uri) or IMAGES.get(base or "")
    if image is None:
        raise StageError(
            f"The stage's container runs the image {uri}, which this machine does not have: name the image that it is "
            f"built from with --image ({', '.join(IMAGES)}), or test it on AWS."
        )
    return image


def _environment(variables: Mapping[str, Any], pseudo: PseudoParameters) -> dict[str, str]:
    values = {name: text_of(value, pseudo) for name, value in variables.items()}
    for name, value in values.items():
        if value is None:
            raise StageError(f"Only a deploy determines the variable {name}: set it with --environment {name}=VALUE.")
    return {name: value for name, value in values.items() if value is not None}


def _packing(folder: Path, place: Archive, pseudo: PseudoParameters) -> tuple[str, ...] | None:
    """Returns the command by which the CDK CLI, too, makes the archive: an asset with an `executable`."""
    for manifest in folder.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text(encoding="utf-8")).get("files", {}).values():
            uploads = {
                f"{each['bucketName']}/{each['objectKey']}".replace("${AWS::AccountId}", pseudo.account)
                for each in asset["destinations"].values()
            }
            if f"{place.bucket}/{place.key}" in uploads and "executable" in asset["source"]:
                return tuple(asset["source"]["executable"])
    return None
