"""What a SageMaker instance type's name says about its hardware.

CPU families are recognised by their letters, so that a new generation needs no change here. GPU families are listed,
since not every image runs on every GPU.
Names: https://docs.aws.amazon.com/sagemaker/latest/dg/notebooks-available-instance-types.html
GPUs: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
Compute capabilities: https://developer.nvidia.com/cuda-gpus and https://developer.nvidia.com/cuda-legacy-gpus
"""

import re
from enum import StrEnum

from stacks.settings.fields import SettingsError, listing

_NAME = re.compile(
    r"ml\.(?P<letters>[a-z]+)(?P<generation>\d+)(?P<attributes>[a-z]*)(?P<variant>(-[a-z0-9]+)*)\.(?P<size>[0-9a-z]+)"
)


class Device(StrEnum):
    """The processor that a container image is built for."""

    CPU = "cpu"
    GPU = "gpu"


_DEVICE_OF_LETTERS = {
    "c": Device.CPU,
    "m": Device.CPU,
    "r": Device.CPU,
    "t": Device.CPU,
    "g": Device.GPU,
    "gr": Device.GPU,
    "p": Device.GPU,
}
# A type with the letter d has NVMe storage, and every type of these families from this generation on.
_ALWAYS_WITH_STORAGE = {"g": 4, "gr": 6, "p": 4}
_NEURON_LETTERS = ("inf", "trn")

Capability = tuple[int, int]
"""A GPU's compute capability, such as (8, 6) for 8.6."""

_CAPABILITIES: dict[str, Capability] = {
    "p2": (3, 7),  # K80
    "g3": (5, 2),  # M60
    "g3s": (5, 2),
    "p3": (7, 0),  # V100
    "p3dn": (7, 0),
    "g4dn": (7, 5),  # T4
    "g5": (8, 6),  # A10G
    "p4d": (8, 0),  # A100
    "p4de": (8, 0),
    "g6": (8, 9),  # L4
    "g6f": (8, 9),
    "gr6": (8, 9),
    "gr6f": (8, 9),
    "g6e": (8, 9),  # L40S
    "p5": (9, 0),  # H100
    "p5e": (9, 0),  # H200
    "p5en": (9, 0),
    "p6-b200": (10, 0),
    "p6-b300": (10, 3),
    "p6e-gb200": (10, 0),
    "g7": (12, 0),  # RTX PRO, of Blackwell
    "g7e": (12, 0),
}

# Types with several GPUs; every other type of the families above has one.
_GPUS_OF_SIZE = {
    "g3": {"8xlarge": 2, "16xlarge": 4},
    "g4dn": {"12xlarge": 4, "metal": 8},
    **{family: {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8} for family in ("g5", "g6", "g6e")},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "p2": {"8xlarge": 8, "16xlarge": 16},
    "p3": {"8xlarge": 4, "16xlarge": 8},
    **{family: {"24xlarge": 8} for family in ("p3dn", "p4d", "p4de")},
    **{family: {"48xlarge": 8} for family in ("p5", "p5e", "p5en", "p6-b200", "p6-b300")},
}


def device_of(instance_type: str, *, field: str = "endpoint.instance_type") -> Device:
    """Returns the processor that the PyTorch images use on the instance type in the setting `field`.

    Raises:
        SettingsError: The text is not an instance type, or the type has Inferentia or Trainium, which asynchronous
            endpoints do not support, or Graviton, for which these images (x86-64) are not built.
    """
    parts = _NAME.fullmatch(instance_type)
    if not parts:
        raise SettingsError(
            f'{field} is "{instance_type}"; it must be the name of an instance type, such as ml.g4dn.xlarge.'
        )
    letters, attributes = parts["letters"], parts["attributes"]
    if letters in _NEURON_LETTERS:
        raise SettingsError(
            f'{field} is "{instance_type}"; asynchronous endpoints run on no Inferentia or Trainium: '
            "choose a GPU type, such as ml.g4dn.xlarge, or a CPU type, such as ml.m5d.xlarge."
        )
    if letters not in _DEVICE_OF_LETTERS:
        raise SettingsError(
            f'{field} is "{instance_type}"; its family must begin with one of '
            f"{listing(_DEVICE_OF_LETTERS)}: choose a type such as ml.g4dn.xlarge or ml.m5d.xlarge."
        )
    if "g" in attributes:
        raise SettingsError(
            f'{field} is "{instance_type}"; the PyTorch images are built for x86-64 and do not run on '
            "Graviton: choose a type such as ml.g4dn.xlarge or ml.m5d.xlarge."
        )
    return _DEVICE_OF_LETTERS[letters]


def capability_of(instance_type: str) -> Capability | None:
    """Returns the compute capability of a type's GPUs; None for a family that is not listed here."""
    return _CAPABILITIES.get(_family_of(instance_type))


def gpu_families(oldest: Capability, newest: Capability) -> list[str]:
    """Returns the families of instance types whose GPUs are of a compute capability in that range."""
    return [family for family, capability in _CAPABILITIES.items() if oldest <= capability <= newest]


def workers_of(instance_type: str) -> int:
    """Returns how many workers make full use of a type: one for each GPU, or one for each core of a CPU type.

    A core is two virtual CPUs; the few families that have no hyperthreads (m7a, say) get a worker for every two cores,
    each with two threads.
    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-optimize-cpu.html
    """
    if device_of(instance_type) == Device.CPU:
        return max(1, vcpus_of(instance_type) // 2)
    return _GPUS_OF_SIZE.get(_family_of(instance_type), {}).get(instance_type.rpartition(".")[2], 1)


def _family_of(instance_type: str) -> str:
    parts = _NAME.fullmatch(instance_type)
    return "".join(parts.group("letters", "generation", "attributes", "variant")) if parts else ""


def has_instance_storage(instance_type: str) -> bool:
    """Returns whether a type has NVMe storage, and therefore accepts neither a volume nor a key for one."""
    parts = _NAME.fullmatch(instance_type)
    if not parts:
        return False
    first = _ALWAYS_WITH_STORAGE.get(parts["letters"])
    return "d" in parts["attributes"] or (first is not None and int(parts["generation"]) >= first)


_LARGE = {"nano": 1, "micro": 1, "small": 1, "medium": 1, "large": 2, "xlarge": 4}
_VCPUS_OF_XLARGE = 4


def vcpus_of(instance_type: str) -> int:
    """Returns how many virtual CPUs a type has; each counts 100 percent in CPUUtilization.

    An xlarge has 4, and an n-xlarge n times as many, in every family that SageMaker hosts on. A few types have more
    (c4.8xlarge: 36); a smaller number is safe: their instances then count as busy sooner.
    Source: https://aws.amazon.com/sagemaker/ai/pricing/, the instance details.
    """
    size = instance_type.rpartition(".")[2]
    if size in _LARGE:
        return _LARGE[size]
    times = re.fullmatch(r"(\d+)xlarge", size)
    return _VCPUS_OF_XLARGE * int(times[1]) if times else 1
