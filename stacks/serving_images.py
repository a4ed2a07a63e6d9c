"""The AWS Deep Learning Container images that serve the model.

Which account holds them in a region is known to `aws_cdk.region_info`; nothing is looked up.
Tags: https://github.com/aws/deep-learning-containers/blob/master/available_images.md
"""

import re
from dataclasses import dataclass

from aws_cdk import region_info

from stacks.fields import SettingsError, Text
from stacks.instance_types import Device

REPOSITORY = "pytorch-inference"

# The model's packages (donut-python 1.0.9, transformers 4.11.3) run on this version and its Python 3.8.
TAGS = {
    ("1.11.0", Device.GPU): "1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
    ("1.11.0", Device.CPU): "1.11.0-cpu-py38-ubuntu20.04-sagemaker",
}
FRAMEWORK_VERSIONS = tuple(sorted({version for version, _ in TAGS}))

_OWN = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<repository>[a-z0-9]+([._/-][a-z0-9]+)*)(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})"
)
IMAGE_URI = Text(
    _OWN.pattern,
    "an image in ECR with its tag or digest, as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1",
)


@dataclass(frozen=True)
class ServingImage:
    """One image in one region: its URI, and the ARN of the repository that it is pulled from."""

    uri: str
    repository_arn: str


def serving_image(*, region: str, framework_version: str, device: Device) -> ServingImage:
    """Finds the image for a region, a framework version and a processor.

    Raises:
        SettingsError: For a region in which AWS publishes no Deep Learning Containers.
    """
    facts = region_info.RegionInfo.get(region)
    account = facts.dlc_repository_account
    if not account:
        raise SettingsError(
            f'region is "{region}"; AWS publishes no PyTorch serving image there: choose a region as ap-northeast-1, '
            "us-east-1 or eu-west-1."
        )
    tag = TAGS[framework_version, device]
    return ServingImage(
        uri=f"{account}.dkr.ecr.{region}.{facts.domain_suffix}/{REPOSITORY}:{tag}",
        repository_arn=f"arn:{facts.partition}:ecr:{region}:{account}:repository/{REPOSITORY}",
    )


def own_image(uri: str, *, region: str) -> ServingImage:
    """Reads an image of one's own from its URI, which has the form of `IMAGE_URI`.

    Raises:
        SettingsError: For an image of another region, which SageMaker does not pull.
    """
    parts = _OWN.fullmatch(uri)
    if parts is None or parts["region"] != region:
        raise SettingsError(
            f'endpoint.image_uri is "{uri}" and region "{region}"; SageMaker pulls images from its own region: copy '
            "the image there and name the copy."
        )
    return ServingImage(
        uri=uri, repository_arn=f"arn:aws:ecr:{region}:{parts['account']}:repository/{parts['repository']}"
    )
