"""What the stacks take from AWS's public registries and what the local AWS has of them are written down twice."""

from __future__ import annotations

import json
from http import HTTPStatus

from async_endpoint.emulator.api.public_registry import describe_images, has_layer_version
from stacks import serving_images
from stacks.constructs import staged_function
from tests.emulator.fakes import ACCOUNT, REGION

DEEP_LEARNING_CONTAINERS = "763104351884"


def test_the_functions_layer_is_the_newest_existing_version() -> None:
    layer, _, version = staged_function._POWERTOOLS.format(region=REGION).rpartition(":")
    assert has_layer_version(f"{layer}:{version}")
    assert not has_layer_version(f"{layer}:{int(version) + 1}")


def test_the_images_that_stages_are_served_by_are_those_that_are_listed() -> None:
    request = {"registryId": DEEP_LEARNING_CONTAINERS, "repositoryName": serving_images.REPOSITORY}
    answer = describe_images(ACCOUNT, REGION, request)
    assert answer is not None
    status, _, body = answer
    assert status == HTTPStatus.OK
    listed = [tag for each in json.loads(body)["imageDetails"] for tag in each["imageTags"]]
    assert sorted(listed) == sorted(serving_images.TAGS.values())
