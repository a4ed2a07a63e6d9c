"""The serving environments of this repository, for tests that run what an image runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironment, ServingEnvironments
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ServingImage

ROOT = Path(__file__).resolve().parents[2]
SERVING_ENV = Path(os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", ROOT / ".venv-serving")).absolute()
NOT_BUILT = "its serving environment is not built"
ENVIRONMENTS = ServingEnvironments(SERVING_ENV)


def serving_environment(image: ServingImage = IMAGES[DEFAULT_IMAGE]) -> ServingEnvironment:
    """Returns an image's environment; skips the test where it is not built, and fails it for the default image."""
    environment = ENVIRONMENTS.of(image)
    if environment.ready:
        return environment
    if image.name == DEFAULT_IMAGE:
        pytest.fail(f"No serving environment at {environment.path}: make it with `async-endpoint local prepare`.")
    pytest.skip(f"not run on {image.name}: {NOT_BUILT}; `async-endpoint local prepare --image {image.name}` builds it")
