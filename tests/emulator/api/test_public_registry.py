"""What the stacks take from AWS's public registries and what the local AWS has of them are written down twice."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from async_endpoint.emulator.api.public_registry import describe_images, has_layer_version
from async_endpoint.operations.preflight.image import Image
from async_endpoint.protocol.serving_images import IMAGES
from stacks.constructs import staged_function
from stacks.instance_types import Device
from stacks.serving_images import known_image
from tests.emulator.fakes import ACCOUNT, REGION

DEEP_LEARNING_CONTAINERS = "763104351884"


def test_the_functions_layer_is_the_newest_existing_version() -> None:
    layer, _, version = staged_function._POWERTOOLS.format(region=REGION).rpartition(":")
    assert has_layer_version(f"{layer}:{version}")
    assert not has_layer_version(f"{layer}:{int(version) + 1}")


def described(repository: str, *tags: str) -> tuple[int, Any]:
    """The status and the body with which AWS's registry describes the images of a repository."""
    request = {
        "registryId": DEEP_LEARNING_CONTAINERS,
        "repositoryName": repository,
        "imageIds": [{"imageTag": tag} for tag in tags],
    }
    answer = describe_images(ACCOUNT, REGION, request)
    assert answer is not None
    status, _, body = answer
    return status, json.loads(body)


def test_the_images_that_stages_are_served_by_are_those_that_are_listed() -> None:
    listed = set()
    for repository in {image.repository for image in IMAGES.values()}:
        status, body = described(repository)
        assert status == HTTPStatus.OK
        listed |= {(repository, tag) for each in body["imageDetails"] for tag in each["imageTags"]}
    assert listed == {(image.repository, tag) for image in IMAGES.values() for tag in image.tags.values()}


@pytest.mark.parametrize(("name", "device"), [(name, device) for name in IMAGES for device in Device])
def test_a_stage_s_image_is_in_the_registry_by_its_uri(name: str, device: Device) -> None:
    image = Image.from_uri(known_image(name, region=REGION, device=device).uri)
    assert image is not None
    assert image.tag is not None
    status, body = described(image.repository, image.tag)
    assert status == HTTPStatus.OK
    assert body["imageDetails"][0]["imageTags"] == [image.tag]


@pytest.mark.parametrize(
    ("repository", "tag", "error"),
    [
        ("pytorch-inference", "2.6.0-transformers5.5.3-gpu-py312-cu124-ubuntu22.04", "ImageNotFoundException"),
        ("huggingface-pytorch-inference", "2.6.0-gpu-py312", "ImageNotFoundException"),
        ("pytorch-inference", "2.5.1-gpu-py311", "ImageNotFoundException"),
        ("pytorch-training", "2.6.0-gpu-py312", "RepositoryNotFoundException"),
    ],
)
def test_another_image_is_not_in_the_registry(repository: str, tag: str, error: str) -> None:
    status, body = described(repository, tag)
    assert (status, body["__type"]) == (HTTPStatus.BAD_REQUEST, error)
