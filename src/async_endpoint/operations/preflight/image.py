"""The check of the container images: each is in its registry, in the stage's region."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, is_denied, run_check

if TYPE_CHECKING:
    from async_endpoint.operations.preflight.clients import Clients

IMAGE = "image"

_URI = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_NOT_FOUND = ("ImageNotFoundException", "RepositoryNotFoundException")


@dataclass(frozen=True)
class Image:
    """An image in ECR, identified by its tag or its digest."""

    registry: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def from_uri(cls, uri: str) -> Self | None:
        """Parses a URI; returns None for an image outside ECR, or without a tag and a digest."""
        parts = _URI.fullmatch(uri)
        if parts is None:
            return None
        return cls(parts["registry"], parts["region"], parts["repository"], parts["tag"], parts["digest"])

    @property
    def label(self) -> str:
        """Its repository with tag or digest."""
        return f"{self.repository}:{self.tag}" if self.tag else f"{self.repository}@{self.digest}"

    @property
    def identifier(self) -> dict[str, str]:
        """Its ImageIdentifier in requests."""
        return {"imageTag": self.tag} if self.tag else {"imageDigest": self.digest or ""}


def check_image(clients: Clients, uri: str, *, account: str, region: str) -> Check:
    """Checks an image with ECR.

    Public projects describe the Deep Learning Containers from their own accounts; AWS documents no such permission.
    """
    image = Image.from_uri(uri)
    if image is None or image.region != region:
        message = f"{uri} is not an image with a tag or digest in ECR in {region}: SageMaker pulls from its own region."
        return Check(IMAGE, Status.ERROR, message, "Copy the image there, and set endpoint.image to the copy's URI.")

    def ask() -> Check:
        try:
            found = clients.ecr.describe_images(
                registryId=image.registry, repositoryName=image.repository, imageIds=[image.identifier]
            )["imageDetails"]
        except ClientError as error:
            if is_denied(error) and image.registry != account:
                return _denied_by_registry(image)
            if code_of(error) not in _NOT_FOUND:
                raise
            found = []
        return judge_image(image, exists=bool(found))

    return run_check(IMAGE, f"ecr:DescribeImages on repository {image.repository} of {image.registry}", ask)


def _denied_by_registry(image: Image) -> Check:
    """Returns the warning for another account's registry: its policy may deny the request, or the caller's own."""
    return Check(
        IMAGE,
        Status.WARNING,
        f"Registry {image.registry} belongs to another account and denies the request, so {image.label} was not "
        "checked: if it is missing, the endpoint's creation fails with that reason.",
        "Grant ecr:DescribeImages to the caller if its IAM policy lacks it, or ask the registry's owner.",
    )


def judge_image(image: Image, *, exists: bool) -> Check:
    """Returns the check for an image that exists in ECR, or does not."""
    if exists:
        return Check(IMAGE, Status.OK, f"{image.label} is in registry {image.registry}.")
    return Check(
        IMAGE,
        Status.ERROR,
        f"{image.label} is not in registry {image.registry}: no instance can start.",
        f"aws ecr describe-images --registry-id {image.registry} --repository-name {image.repository} "
        f"--region {image.region} --query 'imageDetails[].imageTags'   # the existing tags",
    )
