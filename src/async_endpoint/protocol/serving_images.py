"""The AWS Deep Learning Container images that can serve a model: the one table of what each holds.

Stages, the archive's packages, the local AWS and docs/images.md are all made from it. Standard library only.

Sources: the Dockerfiles and `docs/src/data/` of https://github.com/aws/deep-learning-containers, and for the end of
PyTorch 1.11's patches the SageMaker SDK's `image_uri_config/pytorch.json`. docs/images.md names the commit of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

ImageName = Literal["pytorch-1.11", "pytorch-2.6", "huggingface-2.6"]
DEFAULT_IMAGE: Final = "pytorch-1.11"
# The metadata of a template's Model with an image of one's own: the name of the image that it is built from.
IMAGE_BASE: Final = "async-endpoint:image-base"

Capability = tuple[int, int]


class ModelServer(StrEnum):
    """The program that answers /ping and /invocations."""

    TORCHSERVE = "TorchServe"
    MULTI_MODEL_SERVER = "Multi Model Server"


@dataclass(frozen=True)
class Cuda:
    """The GPUs that an image's CUDA supports, from the oldest compute capability to the newest."""

    version: str
    oldest: Capability
    newest: Capability


@dataclass(frozen=True)
class ServingImage:
    """One image of AWS's, for both processors.

    Attributes:
        name: What a stage calls it.
        repository: Its repository in AWS's registry.
        tags: Its tag for "cpu" and for "gpu".
        python: The version of its Python that decides which packages fit, such as "3.8".
        platform: Where its packages run, as uv and pip name it.
        packages: The versions that a model's own packages are resolved for, by name; what is named here comes with
            the image and is never in an archive.
        cuda: What its GPU form supports.
        toolkit: The distribution that calls a model's functions, with its version, or the last release before it.
        server: Its model server.
        server_version: The version of the model server.
        java: The version of its Java.
        end_of_patch: The last day of its security patches; None where AWS has published none.
    """

    name: ImageName
    repository: str
    tags: Mapping[str, str]
    python: str
    platform: str
    packages: Mapping[str, str]
    cuda: Cuda
    toolkit: str
    server: ModelServer
    server_version: str
    java: int
    end_of_patch: date | None


# A GPU runs code compiled for its own major compute capability and for a minor one up to its own; later capabilities
# need a new compilation (https://docs.nvidia.com/cuda/cuda-c-programming-guide/, "Binary Compatibility").
# CUDA 11.3 compiles for 8.6 at most, and the image's Dockerfile names 8.0 as the newest (TORCH_CUDA_ARCH_LIST, in
# pytorch/inference/docker/1.11/py3/cu113/Dockerfile.gpu of aws/deep-learning-containers). So 8.9 is supported, and 9.0
# and later are not: the Dockerfile's 7.0+PTX may cover PyTorch's own kernels there, but not cuBLAS and cuDNN.
# The Dockerfile also names 3.7 and 5.0. They are not accepted: nobody is known to have run the image on such GPUs.
# Those of CUDA 12.4 name 7.0 to 9.0 (and 5.0); Blackwell (10.0 and later) needs CUDA 12.8.
IMAGES: Final[Mapping[str, ServingImage]] = {
    image.name: image
    for image in (
        ServingImage(
            name="pytorch-1.11",
            repository="pytorch-inference",
            tags={
                "gpu": "1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
                "cpu": "1.11.0-cpu-py38-ubuntu20.04-sagemaker",
            },
            python="3.8",
            platform="x86_64-manylinux_2_31",
            packages={"torch": "1.11.0", "torchvision": "0.12.0"},
            cuda=Cuda("11.3", oldest=(7, 0), newest=(8, 9)),
            toolkit="sagemaker-pytorch-inference 2.0.10",
            server=ModelServer.TORCHSERVE,
            server_version="0.6.0",
            java=11,
            end_of_patch=date(2023, 3, 10),
        ),
        ServingImage(
            name="pytorch-2.6",
            repository="pytorch-inference",
            tags={
                "gpu": "2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker",
                "cpu": "2.6.0-cpu-py312-ubuntu22.04-sagemaker",
            },
            python="3.12",
            platform="x86_64-manylinux_2_35",
            packages={"torch": "2.6.0", "torchvision": "0.21.0"},
            cuda=Cuda("12.4", oldest=(7, 0), newest=(9, 0)),
            toolkit="sagemaker-pytorch-inference 2.0.25",
            server=ModelServer.TORCHSERVE,
            server_version="0.12.0",
            java=17,
            end_of_patch=date(2026, 6, 30),
        ),
        ServingImage(
            name="huggingface-2.6",
            repository="huggingface-pytorch-inference",
            tags={
                "gpu": "2.6.0-transformers5.5.3-gpu-py312-cu124-ubuntu22.04",
                "cpu": "2.6.0-transformers5.5.3-cpu-py312-ubuntu22.04",
            },
            python="3.12",
            platform="x86_64-manylinux_2_35",
            packages={"torch": "2.6.0", "torchvision": "0.21.0", "transformers": "5.5.3"},
            cuda=Cuda("12.4", oldest=(7, 0), newest=(9, 0)),
            # The image has commit f0c3eb2 of its repository, made after 2.6.0 and before a release 2.7.0.
            toolkit="sagemaker-huggingface-inference-toolkit 2.6.0",
            server=ModelServer.MULTI_MODEL_SERVER,
            server_version="1.1.11",
            java=21,
            end_of_patch=None,
        ),
    )
}

# What ends the tag of one release: its number, and the time of its build.
_RELEASE = r"(?:-v\d+(?:\.\d+)*)?(?:-\d{4}(?:-\d{2}){5})?"
# A repository in any account (AWS's, or a mirror of it that may put a prefix before the name), with a tag.
_URI = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/(?:[a-z0-9._/-]+/)?([a-z0-9._-]+):([A-Za-z0-9_.-]+)"
    r"(?:@sha256:[0-9a-f]{64})?"
)


def tagged(uri: str) -> tuple[ServingImage, str] | None:
    """Returns the image of AWS's that a URI names, and "cpu" or "gpu"; None for any other image.

    The account and the region do not matter: a private mirror keeps repository and tag. A digest alone names no image.
    """
    named = _URI.fullmatch(uri)
    if named is None:
        return None
    repository, tag = named.groups()
    return next(
        (
            (image, processor)
            for image in IMAGES.values()
            for processor, full in image.tags.items()
            if image.repository == repository and re.fullmatch(_tags_of(full), tag)
        ),
        None,
    )


def image_of(uri: str) -> ServingImage | None:
    """Returns the image of AWS's that a URI names, whatever its account and region; None for any other image."""
    found = tagged(uri)
    return found[0] if found else None


def _tags_of(full: str) -> str:
    """Returns the pattern of all tags of an image, from the first one in AWS's data.

    AWS gives an image that it builds for SageMaker several: with two or three digits of the framework's version, with
    only processor and Python after it (as the SageMaker SDK asks for it), and with the release and its date at the end.
    Source: `tags` in docs/src/data/ of aws/deep-learning-containers.
    """
    version, _, rest = full.partition("-")
    if not rest.endswith("-sagemaker"):
        return rf"{re.escape(full)}{_RELEASE}"
    shorter = version.rpartition(".")[0]
    short = "-".join(rest.split("-")[:2])
    return rf"(?:{re.escape(version)}|{re.escape(shorter)})-(?:{re.escape(short)}|{re.escape(rest)}{_RELEASE})"


if set(IMAGES) != set(get_args(ImageName)):
    raise AssertionError("Every image has a name, and every name an image.")
