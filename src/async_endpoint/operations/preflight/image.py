"""Whether the container images are in their registries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, guarded, is_denied

if TYPE_CHECKING:
    from async_endpoint.operations.preflight.clients import Clients

IMAGE = "image"

_URI = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_NOT_THERE = ("ImageNotFoundException", "RepositoryNotFoundException")


@dataclass(frozen=True)
class Image:
    """An image in ECR, by its tag or its digest."""

    registry: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def of_uri(cls, uri: str) -> Self | None:
        """Read it from a URI; None for an image that is not in ECR, or has neither tag nor digest."""
        parts = _URI.fullmatch(uri)
        if parts is None:
            return None
        return cls(parts["registry"], parts["region"], parts["repository"], parts["tag"], parts["digest"])

    @property
    def label(self) -> str:
        """Its name for a sentence."""
        return f"{self.repository}:{self.tag}" if self.tag else f"{self.repository}@{self.digest}"

    @property
    def identifier(self) -> dict[str, str]:
        """Its ImageIdentifier."""
        return {"imageTag": self.tag} if self.tag else {"imageDigest": self.digest or ""}


def check_image(clients: Clients, uri: str, *, account: str, region: str) -> Check:
    """Ask ECR for an image.

    Public projects ask so about the Deep Learning Containers from accounts of their own; AWS documents no such right.
    """
    image = Image.of_uri(uri)
    if image is None or image.region != region:
        message = f"{uri} is not an image in ECR of {region} with a tag or digest: SageMaker pulls from its own region."
        return Check(IMAGE, Status.ERROR, message, "Copy the image there, and name the copy in endpoint.image_uri.")

    def asked() -> Check:
        try:
            found = clients.ecr.describe_images(
                registryId=image.registry, repositoryName=image.repository, imageIds=[image.identifier]
            )["imageDetails"]
        except ClientError as error:
            if is_denied(error) and image.registry != account:
                return _denied_by_another(image)
            if code_of(error) not in _NOT_THERE:
                raise
            found = []
        return judge_image(image, is_there=bool(found))

    return guarded(IMAGE, f"ecr:DescribeImages on repository {image.repository} of {image.registry}", asked)


def _denied_by_another(image: Image) -> Check:
    """The warning where another account's registry denies: the caller's policy is only one of two that may do so."""
    return Check(
        IMAGE,
        Status.WARNING,
        f"Registry {image.registry} is another account's and does not let the caller ask, so {image.label} was not "
        "checked: if it is missing, the endpoint's creation says so.",
        "Allow ecr:DescribeImages to the caller if its IAM policy lacks it, or ask the registry's owner.",
    )


def judge_image(image: Image, *, is_there: bool) -> Check:
    """Decide by whether ECR has it."""
    if is_there:
        return Check(IMAGE, Status.OK, f"{image.label} is in registry {image.registry}.")
    return Check(
        IMAGE,
        Status.ERROR,
        f"{image.label} is not in registry {image.registry}: no instance could start.",
        f"aws ecr describe-images --registry-id {image.registry} --repository-name {image.repository} "
        f"--region {image.region} --query 'imageDetails[].imageTags'   # the tags that there are",
    )
