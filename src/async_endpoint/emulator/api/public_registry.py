"""What AWS publishes for every account and ministack lacks: Deep Learning Containers, and Powertools' layer.

Only what the local AWS can replace is listed: the images whose serving stack it has, and the layer's versions up to the
one of the release that functions use here.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.api.json_protocol import json_response
from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.hosting.instance import is_served
from async_endpoint.emulator.local_routes import Response

_REPOSITORY = "pytorch-inference"
# Those of https://github.com/aws/deep-learning-containers; an image may have more tags than are listed.
_TAGS = ("1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker", "1.11.0-cpu-py38-ubuntu20.04-sagemaker")
# Its versions are numbered alike for all Pythons and processors; public projects pair the 36th with release 3.31.1.
_POWERTOOLS = re.compile(r"arn:aws:lambda:[a-z0-9-]+:017000801446:layer:AWSLambdaPowertoolsPythonV3-[a-z0-9_-]+:(\d+)")
_NEWEST_POWERTOOLS = 36


def describe_images(account: str, region: str, request: Mapping[str, Any]) -> Response | None:
    """Returns ECR's DescribeImages of another account's registry; None for the caller's own."""
    registry, repository = request.get("registryId", account), request.get("repositoryName", "")
    if registry == account:
        return None
    try:
        _check_repository(registry, repository)
        asked = [each.get("imageTag") for each in request.get("imageIds", ())] or _TAGS
        found = list(_details(registry, region, asked))
    except AwsError as error:
        return error.as_json()
    return json_response({"imageDetails": found})


def _check_repository(registry: str, repository: str) -> None:
    if repository != _REPOSITORY:
        raise AwsError(
            f"The repository with name '{repository}' does not exist in the registry with id '{registry}'",
            "RepositoryNotFoundException",
            HTTPStatus.BAD_REQUEST,
        )


def _details(registry: str, region: str, tags: Iterable[str | None]) -> Iterable[dict[str, Any]]:
    for tag in tags:
        # An image named by its digest is not known here.
        if tag is None or not is_served(f"{registry}.dkr.ecr.{region}.amazonaws.com/{_REPOSITORY}:{tag}"):
            raise AwsError(
                f"The image with imageId {{imageDigest:'null', imageTag:'{tag}'}} does not exist within the repository "
                f"with name '{_REPOSITORY}' in the registry with id '{registry}'",
                "ImageNotFoundException",
                HTTPStatus.BAD_REQUEST,
            )
        yield {
            "registryId": registry,
            "repositoryName": _REPOSITORY,
            "imageDigest": f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}",
            "imageTags": [tag],
        }


def has_layer_version(arn: str) -> bool:
    """Returns whether another account's layer version exists; layers that are not known here have every version."""
    powertools = _POWERTOOLS.fullmatch(arn)
    return powertools is None or 1 <= int(powertools[1]) <= _NEWEST_POWERTOOLS
