"""The AWS Deep Learning Container images that serve the model.

Which account holds them in a region is known to `aws_cdk.region_info`; nothing is looked up.
Tags: https://github.com/aws/deep-learning-containers/blob/master/available_images.md
"""

from dataclasses import dataclass

from aws_cdk import region_info

from stacks.fields import SettingsError
from stacks.instance_types import Device

REPOSITORY = "pytorch-inference"

# The model's packages (donut-python 1.0.9, transformers 4.11.3) run on this version and its Python 3.8.
TAGS = {
    ("1.11.0", Device.GPU): "1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
    ("1.11.0", Device.CPU): "1.11.0-cpu-py38-ubuntu20.04-sagemaker",
}
FRAMEWORK_VERSIONS = tuple(sorted({version for version, _ in TAGS}))


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
