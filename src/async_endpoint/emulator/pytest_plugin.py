"""A local AWS as pytest fixtures, which pytest finds by itself where `async-endpoint[local]` is installed.

Whoever has the package has these in every run of pytest: so nothing more is imported until a test asks for one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from async_endpoint.emulator.faults.http import FaultClient
    from async_endpoint.emulator.launcher import LocalAws


@dataclass(frozen=True, kw_only=True)
class LocalAwsOptions:
    """What `local_aws` starts.

    Attributes:
        region: The region of clients that name none.
        speed: How many times faster than the wall AWS's clock runs.
        threads: Computing threads of each instance.
        serving_env: The environment that stands in for the image; built, which takes minutes, when it is not there.
        assumptions: How the points are settled that AWS leaves open, by name; docs/local-aws.md lists them.
        instance_seconds: How long instances take at least, on AWS's clock, to `provision`, `pull`, `download`, `start`.
    """

    region: str = "us-east-1"
    speed: float = 60.0
    threads: int = 1
    serving_env: Path = field(
        default_factory=lambda: Path(os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", ".venv-serving"))
    )
    assumptions: Mapping[str, str] = field(default_factory=dict)
    instance_seconds: Mapping[str, float] = field(default_factory=dict)


@pytest.fixture(scope="session")
def local_aws_options() -> LocalAwsOptions:
    """What `local_aws` starts; a fixture of the same name in your conftest.py takes its place."""
    return LocalAwsOptions()


@pytest.fixture(scope="session")
def local_aws(local_aws_options: LocalAwsOptions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS of the whole run, which the AWS SDKs and tools in it and below it take for AWS.

    It ends with the run, however that ends.
    """
    try:
        from async_endpoint.emulator.assumptions import Assumptions
        from async_endpoint.emulator.containers.environment import prepare
        from async_endpoint.emulator.hosting.instance_times import InstanceTimes
        from async_endpoint.emulator.launcher import LocalAws
    except ModuleNotFoundError as missing:
        raise pytest.UsageError(
            f"local_aws needs {missing.name}: install it with `pip install 'async-endpoint[local]'`."
        ) from missing

    options = local_aws_options
    local = LocalAws.start(
        prepare(options.serving_env, print),
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
                environment.delenv(name)  # a profile, or a session token, would lead elsewhere
            for name, value in local.environment(options.region).items():
                environment.setenv(name, value)
            yield local
    finally:
        local.stop()


@pytest.fixture
def local_aws_faults(local_aws: LocalAws) -> Iterator[FaultClient]:
    """The switchboard of what the local AWS is to do wrong; everything is switched off again after the test."""
    local_aws.faults.clear()
    yield local_aws.faults
    local_aws.faults.clear()
