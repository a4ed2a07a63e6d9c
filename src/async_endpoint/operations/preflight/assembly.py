"""What a stage needs in its account, read from its cloud assembly: manifest, templates and asset manifests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from async_endpoint.operations.preflight.fleets import Fleet, fleets
from async_endpoint.operations.preflight.intrinsics import PseudoParameters, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json = dict[str, Any]

_STACK = "aws:cloudformation:stack"
_UNKNOWN = ("unknown-account", "unknown-region")


class AssemblyError(ValueError):
    """A folder that is not the cloud assembly of a stage; the message says how to create one."""


@dataclass(frozen=True)
class Stack:
    """A stack to deploy."""

    name: str
    template: Json

    def resources(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Yields the logical id and the properties of each resource of a type."""
        for logical_id, resource in self.template.get("Resources", {}).items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})


@dataclass(frozen=True)
class PhysicalName:
    """A physical name that a template sets, with its stack."""

    stack: str
    name: str


@dataclass(frozen=True)
class Archive:
    """The location of a model's files: an object or a prefix.

    Attributes:
        bucket: The bucket.
        key: The object's key, or the prefix with its slash.
        is_prefix: Whether the files are there uncompressed.
        is_published: Whether the deploy uploads it.
        image: The URI of the container image that gets it; None if the template's expression is not known here.
    """

    bucket: str
    key: str
    is_prefix: bool
    is_published: bool
    image: str | None = None


@dataclass(frozen=True)
class Bootstrap:
    """The CDK bootstrap that the stacks require: the parameter with its version, and the lowest version."""

    parameter: str
    version: int


@dataclass(frozen=True)
class Assembly:
    """A stage's cloud assembly.

    Attributes:
        region: The stage's region; None if the stacks set none.
        account: The account that the stacks set; None for any.
        stacks: The stacks, in the order of the manifest.
        bootstrap: None if no stack requires one.
        assets: `bucket/key` of each file that the deploy uploads, as the asset manifests have them.
    """

    region: str | None
    account: str | None
    stacks: tuple[Stack, ...]
    bootstrap: Bootstrap | None
    assets: frozenset[str]

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Reads a folder of `cdk synth --output`.

        Raises:
            AssemblyError: The folder has no assembly, or one without stacks.
        """
        try:
            artifacts = _json(folder / "manifest.json")["artifacts"].values()
            found = [each for each in artifacts if each["type"] == _STACK]
            stacks = tuple(
                Stack(
                    each["properties"].get("stackName", each.get("displayName", "")),
                    _json(folder / each["properties"]["templateFile"]),
                )
                for each in found
            )
            assets = frozenset(
                f"{place['bucketName']}/{place['objectKey']}"
                for each in artifacts
                if each["type"] == "cdk:asset-manifest"
                for asset in _json(folder / each["properties"]["file"]).get("files", {}).values()
                for place in asset["destinations"].values()
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AssemblyError(
                f"{folder} has no synthesised app: create one with `npx cdk synth --output {folder}`."
            ) from error
        if not stacks:
            raise AssemblyError(f"The app in {folder} has no stacks: there is nothing to deploy.")
        accounts, regions = zip(*(each["environment"].removeprefix("aws://").split("/") for each in found), strict=True)
        return cls(_known(regions), _known(accounts), stacks, _bootstrap(found), assets)

    def fleets(self) -> list[Fleet]:
        """Returns the fleet of each variant of the stage's endpoints."""
        return [fleet for stack in self.stacks for fleet in fleets(stack.template)]

    def images(self, pseudo: PseudoParameters) -> list[str]:
        """Returns the URIs of the models' container images."""
        found = [text_of(container.get("Image"), pseudo) for container in self._containers()]
        return list(dict.fromkeys(image for image in found if image))

    def layers(self, pseudo: PseudoParameters) -> list[str]:
        """Returns the ARNs of the functions' layer versions, except those that the stacks create."""
        found = [
            text_of(layer, pseudo)
            for stack in self.stacks
            for _, properties in stack.resources("AWS::Lambda::Function")
            for layer in properties.get("Layers", ())
        ]
        return list(dict.fromkeys(arn for arn in found if arn))

    def archives(self, pseudo: PseudoParameters) -> list[Archive]:
        """Returns the locations of the models' files."""
        assets = {place.replace("${AWS::AccountId}", pseudo.account) for place in self.assets}
        places = []
        for container in self._containers():
            source = container.get("ModelDataSource", {}).get("S3DataSource", {})
            url = text_of(container.get("ModelDataUrl") or source.get("S3Uri"), pseudo)
            if url:
                bucket, _, key = url.removeprefix("s3://").partition("/")
                is_prefix = source.get("S3DataType") == "S3Prefix"
                image = text_of(container.get("Image"), pseudo)
                places.append(Archive(bucket, key, is_prefix, f"{bucket}/{key}" in assets, image))
        return list(dict.fromkeys(places))

    def physical_names(self, kind: str, member: str, pseudo: PseudoParameters) -> list[PhysicalName]:
        """Returns the physical names that templates set for a resource type."""
        found = [
            (stack.name, text_of(properties.get(member), pseudo))
            for stack in self.stacks
            for _, properties in stack.resources(kind)
        ]
        return [PhysicalName(stack, name) for stack, name in found if name]

    def _containers(self) -> Iterator[Json]:
        for stack in self.stacks:
            for _, properties in stack.resources("AWS::SageMaker::Model"):
                if "PrimaryContainer" in properties:
                    yield properties["PrimaryContainer"]
                yield from properties.get("Containers", ())


def _json(path: Path) -> Json:
    value: Json = json.loads(path.read_text(encoding="utf-8"))
    return value


def _known(values: tuple[str, ...]) -> str | None:
    return next((value for value in values if value not in _UNKNOWN), None)


def _bootstrap(stacks: list[Mapping[str, Any]]) -> Bootstrap | None:
    """Returns the highest requirement of all stacks."""
    required = [
        Bootstrap(properties["bootstrapStackVersionSsmParameter"], int(properties["requiresBootstrapStackVersion"]))
        for properties in (each["properties"] for each in stacks)
        if "bootstrapStackVersionSsmParameter" in properties and "requiresBootstrapStackVersion" in properties
    ]
    return max(required, key=lambda each: each.version, default=None)
