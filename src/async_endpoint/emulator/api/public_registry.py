"""What AWS publishes for every account and ministack lacks: Deep Learning Containers, and Powertools' layer.

Only what the local AWS can replace is listed: the images of `protocol.serving_images`, each under the tags of AWS's
data, and the layer's versions up to the one of the release that functions use here.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.api.json_protocol import json_response
from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.local_routes import Response
from async_endpoint.protocol.serving_images import IMAGES, image_of

# Its versions are numbered alike for all Pythons and processors; public projects pair the 36th with release 3.31.1.
_POWERTOOLS = re.compile(r"arn:aws:lambda:[a-z0-9-]+:017000801446:layer:AWSLambdaPowertoolsPythonV3-[a-z0-9_-]+:(\d+)")
_NEWEST_POWERTOOLS = 36


def describe_images(account: str, region: str, request: Mapping[str, Any]) -> Response | None:
    """Returns ECR's DescribeImages of another account's registry; None for the caller's own."""
    registry, repository = request.get("registryId", account), request.get("repositoryName", "")
    if registry == account:
        return None
    try:
        listed = _tags_in(registry, repository)
        asked = [each.get("imageTag") for each in request.get("imageIds", ())] or listed
        found = list(_details(registry, repository, region, asked))
    except AwsError as error:
        return error.as_json()
    return json_response({"imageDetails": found})


def _tags_in(registry: str, repository: str) -> list[str]:
    """Returns a repository's tags; an image may have more than are listed."""
    listed = [tag for image in IMAGES.values() if image.repository == repository for tag in image.tags.values()]
    if not listed:
        raise AwsError(
            f"The repository with name '{repository}' does not exist in the registry with id '{registry}'",
            "RepositoryNotFoundException",
            HTTPStatus.BAD_REQUEST,
        )
    return listed


def _details(registry: str, repository: str, region: str, tags: Iterable[str | None]) -> Iterable[dict[str, Any]]:
    for tag in tags:
        # An image named by its digest is not known here.
        if tag is None or image_of(f"{registry}.dkr.ecr.{region}.amazonaws.com/{repository}:{tag}") is None:
            raise AwsError(
                f"The image with imageId {{imageDigest:'null', imageTag:'{tag}'}} does not exist within the repository "
                f"with name '{repository}' in the registry with id '{registry}'",
                "ImageNotFoundException",
                HTTPStatus.BAD_REQUEST,
            )
        yield {
            "registryId": registry,
            "repositoryName": repository,
            "imageDigest": f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}",
            "imageTags": [tag],
        }


def has_layer_version(arn: str) -> bool:
    """Returns whether another account's layer version exists; layers that are not known here have every version."""
    powertools = _POWERTOOLS.fullmatch(arn)
    return powertools is None or 1 <= int(powertools[1]) <= _NEWEST_POWERTOOLS
