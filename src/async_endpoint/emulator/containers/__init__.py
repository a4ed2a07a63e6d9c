"""Model containers as processes: the serving toolkit and TorchServe in a Python 3.8 environment, without Docker.

`environment.prepare` builds what the inference image holds, once; `instance.ContainerInstance` runs a container on it.
"""

from async_endpoint.emulator.containers.environment import ServingEnvironment, prepare
from async_endpoint.emulator.containers.errors import (
    ArchiveRefused,
    ContainerDied,
    ContainerError,
    ContainerFailed,
    ContainerTimeout,
    MissingRequirement,
)
from async_endpoint.emulator.containers.instance import Answer, ContainerInstance

__all__ = [
    "Answer",
    "ArchiveRefused",
    "ContainerDied",
    "ContainerError",
    "ContainerFailed",
    "ContainerInstance",
    "ContainerTimeout",
    "MissingRequirement",
    "ServingEnvironment",
    "prepare",
]
