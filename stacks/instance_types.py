"""What a SageMaker instance type's name says of its processor.

Families are recognised by their letters, so that a new generation needs no change here.
Names: https://docs.aws.amazon.com/sagemaker/latest/dg/notebooks-available-instance-types.html
"""

import re
from enum import StrEnum

from stacks.fields import SettingsError, listing

_NAME = re.compile(r"ml\.(?P<letters>[a-z]+)(?P<generation>\d+)(?P<attributes>[a-z-]*)\.(?P<size>[0-9a-z]+)")


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
_NEURON_LETTERS = ("inf", "trn")


def device_of(instance_type: str) -> Device:
    """The processor that the PyTorch images find on an instance type.

    Raises:
        SettingsError: For what is no instance type, for Inferentia and Trainium, which asynchronous endpoints do not
            take, and for Graviton, for which these images (x86-64) are not built.
    """
    parts = _NAME.fullmatch(instance_type)
    if not parts:
        raise SettingsError(
            f'endpoint.instance_type is "{instance_type}"; it must be the name of an instance type, as ml.g4dn.xlarge.'
        )
    letters, attributes = parts["letters"], parts["attributes"]
    if letters in _NEURON_LETTERS:
        raise SettingsError(
            f'endpoint.instance_type is "{instance_type}"; asynchronous endpoints run on no Inferentia or Trainium: '
            "choose a GPU type, as ml.g4dn.xlarge, or a CPU type, as ml.m5d.xlarge."
        )
    if letters not in _DEVICE_OF_LETTERS:
        raise SettingsError(
            f'endpoint.instance_type is "{instance_type}"; its family must begin with one of '
            f"{listing(_DEVICE_OF_LETTERS)}: choose a type as ml.g4dn.xlarge or ml.m5d.xlarge."
        )
    if "g" in attributes:
        raise SettingsError(
            f'endpoint.instance_type is "{instance_type}"; the PyTorch images are built for x86-64 and do not run on '
            "Graviton: choose a type as ml.g4dn.xlarge or ml.m5d.xlarge."
        )
    return _DEVICE_OF_LETTERS[letters]
