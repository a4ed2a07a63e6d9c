import pytest

from stacks.instance_types import Device
from stacks.serving_images import serving_image


@pytest.mark.parametrize(
    ("region", "device", "uri", "repository"),
    [
        (
            "ap-northeast-1",
            Device.CPU,
            "763104351884.dkr.ecr.ap-northeast-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker",
            "arn:aws:ecr:ap-northeast-1:763104351884:repository/pytorch-inference",
        ),
        (
            "cn-north-1",
            Device.GPU,
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
            "arn:aws-cn:ecr:cn-north-1:727897471807:repository/pytorch-inference",
        ),
    ],
)
def test_the_image_is_that_of_the_region_and_processor(region: str, device: Device, uri: str, repository: str) -> None:
    image = serving_image(region=region, framework_version="1.11.0", device=device)
    assert (image.uri, image.repository_arn) == (uri, repository)
