"""SageMaker's machine images for GPUs (`InferenceAmiVersion`), and which serving images run on each.

Names, drivers and CUDA: `InferenceAmiVersion` of ProductionVariant in SageMaker's API reference. Without one SageMaker
chooses, by instance type: driver 470 (CUDA 11.4) for g4dn, g5, p4d and p4de, and newer ones for newer types
(https://docs.aws.amazon.com/sagemaker/latest/dg/inference-gpu-drivers.html).
CUDA's rules: https://docs.nvidia.com/deploy/cuda-compatibility/. A driver runs what was built for an older CUDA, and
what was built for a newer one of the same major version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from async_endpoint.protocol.serving_images import ServingImage


class Verdict(StrEnum):
    """Whether an image runs on a machine image."""

    RUNS = "runs"
    FAILS = "fails"
    OPEN = "open"


@dataclass(frozen=True)
class MachineImage:
    """A machine image: its NVIDIA driver, and the newest CUDA that the driver brings."""

    driver: int
    cuda: str

    @property
    def cuda_major(self) -> int:
        """The major version of its CUDA."""
        return int(self.cuda.partition(".")[0])


MACHINE_IMAGES: Final[Mapping[str, MachineImage]] = {
    "al2-ami-sagemaker-inference-gpu-2": MachineImage(535, "12.2"),
    "al2-ami-sagemaker-inference-gpu-2-1": MachineImage(535, "12.2"),
    "al2-ami-sagemaker-inference-gpu-3-1": MachineImage(550, "12.4"),
    "al2023-ami-sagemaker-inference-gpu-4-1": MachineImage(580, "13.0"),
}

# AWS tests its CUDA 12 images on the AL2 machine images alone: with CUDA 12.8 and 12.9 endpoints stay "Creating",
# or end in CannotStartContainerError, without a log on the other one: aws/deep-learning-containers#6187, and
# test/test_utils/constants.py and test/whisperx/sagemaker/ at e0ecedea6a. By CUDA's rules they would run there, so
# images with an older CUDA are open, not bad.
_CUDA_12, _CUDA_13 = 12, 13


def verdict_of(image: ServingImage, machine_image: str) -> Verdict:
    """Returns whether one of AWS's serving images runs on a machine image."""
    major, machine = int(image.cuda.version.partition(".")[0]), MACHINE_IMAGES[machine_image]
    if machine.cuda_major < _CUDA_13:
        return Verdict.RUNS if major <= machine.cuda_major else Verdict.FAILS
    return Verdict.FAILS if major == _CUDA_12 else Verdict.OPEN if major < machine.cuda_major else Verdict.RUNS


def running(image: ServingImage) -> list[str]:
    """Returns the machine images on which a serving image runs, the one with its CUDA or the next newer one first."""
    wanted = tuple(map(int, image.cuda.version.split(".")))
    names = [name for name in MACHINE_IMAGES if verdict_of(image, name) == Verdict.RUNS]
    return sorted(names, key=lambda name: tuple(map(int, MACHINE_IMAGES[name].cuda.split("."))) < wanted)
