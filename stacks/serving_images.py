"""The AWS Deep Learning Container images that serve the model.

`aws_cdk.region_info` knows their account in each region; nothing is looked up.
Tags: https://github.com/aws/deep-learning-containers/blob/master/available_images.md
"""

import re
from dataclasses import dataclass
from typing import Literal

from aws_cdk import region_info

from stacks.instance_types import Capability, Device, capability_of
from stacks.settings.fields import SettingsError

REPOSITORY = "pytorch-inference"

# The model's packages (donut-python 1.0.9, transformers 4.11.3) run on this version and its Python 3.8.
FrameworkVersion = Literal["1.11.0"]
TAGS: dict[tuple[FrameworkVersion, Device], str] = {
    ("1.11.0", Device.GPU): "1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
    ("1.11.0", Device.CPU): "1.11.0-cpu-py38-ubuntu20.04-sagemaker",
}


@dataclass(frozen=True)
class Cuda:
    """The GPUs that an image's CUDA supports, from the oldest compute capability to the newest."""

    version: str
    oldest: Capability
    newest: Capability


# A GPU runs code compiled for its own major compute capability and for a minor one up to its own; later capabilities
# need a new compilation (https://docs.nvidia.com/cuda/cuda-c-programming-guide/, "Binary Compatibility").
# CUDA 11.3 compiles for 8.6 at most, and the image's Dockerfile names 8.0 as the newest (TORCH_CUDA_ARCH_LIST, in
# pytorch/inference/docker/1.11/py3/cu113/Dockerfile.gpu of aws/deep-learning-containers). So 8.9 is supported, and 9.0
# and later are not: the Dockerfile's 7.0+PTX may cover PyTorch's own kernels there, but not cuBLAS and cuDNN.
# The Dockerfile also names 3.7 and 5.0. They are not accepted: nobody is known to have run the image on such GPUs.
CUDA: dict[FrameworkVersion, Cuda] = {"1.11.0": Cuda("11.3", oldest=(7, 0), newest=(8, 9))}

# Its groups: account, region, repository. Editors have it from the JSON schema, which knows no names of groups.
IMAGE_URI_PATTERN = (
    r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/"
    r"([a-z0-9]+(?:[._/-][a-z0-9]+)*)(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True)
class ServingImage:
    """One image in one region: its URI, and the ARN of its repository."""

    uri: str
    repository_arn: str


def serving_image(*, region: str, framework_version: FrameworkVersion, device: Device) -> ServingImage:
    """Returns the image for a region, a framework version and a processor.

    Raises:
        SettingsError: AWS publishes no Deep Learning Containers in the region.
    """
    facts = region_info.RegionInfo.get(region)
    account = facts.dlc_repository_account
    if not account:
        raise SettingsError(
            f'region is "{region}"; AWS publishes no PyTorch serving image there: choose a region such as '
            "ap-northeast-1, us-east-1 or eu-west-1."
        )
    tag = TAGS[framework_version, device]
    return ServingImage(
        uri=f"{account}.dkr.ecr.{region}.{facts.domain_suffix}/{REPOSITORY}:{tag}",
        repository_arn=f"arn:{facts.partition}:ecr:{region}:{account}:repository/{REPOSITORY}",
    )


def require_gpu(instance_type: str, *, framework_version: FrameworkVersion, field: str) -> None:
    """Checks that the image of a framework version runs on the GPUs of the type in the setting `field`.

    Raises:
        SettingsError: The image's CUDA does not support the GPUs, or their family is not listed here.
    """
    cuda = CUDA[framework_version]
    found = capability_of(instance_type)
    image = f"the image of PyTorch {framework_version} (CUDA {cuda.version})"
    serves = f"serves {_dotted(cuda.oldest)} to {_dotted(cuda.newest)}"
    instead = "choose a type that it serves, such as ml.g4dn.xlarge or ml.g5.xlarge, or give an endpoint.image_uri"
    if found is None:
        raise SettingsError(
            f'{field} is "{instance_type}"; the compute capability of its GPU is not known here, and {image} {serves}: '
            f"{instead}."
        )
    if not cuda.oldest <= found <= cuda.newest:
        raise SettingsError(
            f'{field} is "{instance_type}"; its GPU is of compute capability {_dotted(found)}, and {image} '
            f"{serves}: {instead}."
        )


def _dotted(capability: Capability) -> str:
    return ".".join(map(str, capability))


def own_image(uri: str, *, region: str) -> ServingImage:
    """Returns the custom image of a URI, which has the form of `IMAGE_URI_PATTERN`.

    Raises:
        SettingsError: The image is in another region, from which SageMaker does not pull.
    """
    parts = re.fullmatch(IMAGE_URI_PATTERN, uri)
    if parts is None or parts[2] != region:
        raise SettingsError(
            f'endpoint.image_uri is "{uri}" and region "{region}"; SageMaker pulls images from its own region: copy '
            "the image there and name the copy."
        )
    return ServingImage(uri=uri, repository_arn=f"arn:aws:ecr:{region}:{parts[1]}:repository/{parts[3]}")
