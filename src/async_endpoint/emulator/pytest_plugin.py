"""A local AWS as pytest fixtures, which pytest finds by itself where `async-endpoint[local]` is installed.

Every run of pytest loads this module: it imports the local AWS only for a test that asks for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from async_endpoint.emulator.faults.http import FaultClient
    from async_endpoint.emulator.launcher import LocalAws
    from async_endpoint.protocol.serving_images import ImageName


def _serving_env() -> Path:
    from async_endpoint.emulator.containers.environment import default_place

    return Path(os.environ.get("ASYNC_ENDPOINT_SERVING_ENV") or default_place())


@dataclass(frozen=True, kw_only=True)
class LocalAwsOptions:
    """The options of `local_aws`.

    Attributes:
        region: The region of clients that name none.
        speed: How many times faster than the wall AWS's clock runs.
        threads: Computing threads of each instance.
        serving_env: The environment of the image pytorch-1.11; those of the others are beside it.
        images: The serving images of the run's endpoints; what takes their place is built, within minutes, when it does
            not exist.
        assumptions: How the points are settled that AWS leaves open, by name; docs/local-aws-fidelity.md lists them.
        instance_seconds: The shortest times, on AWS's clock, to `provision`, `pull`, `download`, `start` an instance.
    """

    region: str = "us-east-1"
    speed: float = 60.0
    threads: int = 1
    serving_env: Path = field(default_factory=_serving_env)
    images: Sequence[ImageName] = (DEFAULT_IMAGE,)
    assumptions: Mapping[str, str] = field(default_factory=dict)
    instance_seconds: Mapping[str, float] = field(default_factory=dict)


@pytest.fixture(scope="session")
def local_aws_options() -> LocalAwsOptions:
    """The options of `local_aws`; override this fixture in your conftest.py."""
    return LocalAwsOptions()


@pytest.fixture(scope="session")
def local_aws(local_aws_options: LocalAwsOptions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS for the whole run; the AWS SDKs and tools in it, and in its child processes, take it for AWS.

    It stops with the run, for whatever reason the run stops.
    """
    try:
        from async_endpoint.emulator.assumptions import Assumptions
        from async_endpoint.emulator.containers.environment import prepare_all
        from async_endpoint.emulator.hosting.instance_times import InstanceTimes
        from async_endpoint.emulator.launcher import LocalAws
    except ModuleNotFoundError as missing:
        raise pytest.UsageError(
            f"local_aws needs {missing.name}: install it with `pip install 'async-endpoint[local]'`."
        ) from missing

    options = local_aws_options
    local = LocalAws.start(
        prepare_all(options.serving_env, print, options.images),
        state_dir=tmp_path_factory.mktemp("local-aws"),
        speed=options.speed,
        threads=options.threads,
        assumptions=Assumptions.parse(f"{name}={value}" for name, value in options.assumptions.items()),
        times=InstanceTimes(**options.instance_seconds),
        tied=True,
    )
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                environment.delenv(name)  # a profile or a session token would lead elsewhere
            for name, value in local.environment(options.region).items():
                environment.setenv(name, value)
            yield local
    finally:
        local.stop()


@pytest.fixture
def local_aws_faults(local_aws: LocalAws) -> Iterator[FaultClient]:
    """The faults of the local AWS on demand; all of them are switched off before and after the test."""
    local_aws.faults.clear()
    yield local_aws.faults
    local_aws.faults.clear()
