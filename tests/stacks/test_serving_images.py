import pytest

from async_endpoint.protocol.serving_images import IMAGES, ImageName
from stacks.instance_types import Device
from stacks.serving_images import account_of, known_image, own_image, regions
from stacks.settings.fields import SettingsError

OWN = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
HUGGING_FACE = "2.6.0-transformers5.5.3-gpu-py312-cu124-ubuntu22.04"


@pytest.mark.parametrize(
    ("name", "region", "device", "uri", "repository"),
    [
        (
            "pytorch-1.11",
            "ap-northeast-1",
            Device.CPU,
            "763104351884.dkr.ecr.ap-northeast-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker",
            "arn:aws:ecr:ap-northeast-1:763104351884:repository/pytorch-inference",
        ),
        (
            "pytorch-1.11",
            "cn-north-1",
            Device.GPU,
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
            "arn:aws-cn:ecr:cn-north-1:727897471807:repository/pytorch-inference",
        ),
        (
            "pytorch-2.6",
            "eu-south-1",
            Device.GPU,
            "692866216735.dkr.ecr.eu-south-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker",
            "arn:aws:ecr:eu-south-1:692866216735:repository/pytorch-inference",
        ),
        (
            "huggingface-2.6",
            "il-central-1",
            Device.GPU,
            f"780543022126.dkr.ecr.il-central-1.amazonaws.com/huggingface-pytorch-inference:{HUGGING_FACE}",
            "arn:aws:ecr:il-central-1:780543022126:repository/huggingface-pytorch-inference",
        ),
    ],
)
def test_the_image_is_that_of_the_region_and_processor(
    name: ImageName, region: str, device: Device, uri: str, repository: str
) -> None:
    image = known_image(name, region=region, device=device)
    assert (image.uri, image.repository_arn, image.base) == (uri, repository, IMAGES[name])
    assert image.exact


def test_a_region_without_the_images_is_rejected() -> None:
    with pytest.raises(SettingsError, match='region is "xx-north-9"; AWS publishes no PyTorch serving image there'):
        known_image("pytorch-2.6", region="xx-north-9", device=Device.GPU)


def test_the_regions_are_those_of_aws_s_page() -> None:
    """The CDK's facts lack seven of them."""
    assert len(regions()) == 36
    assert {"ca-west-1", "af-south-1", "ap-northeast-3", "eu-west-1", "cn-northwest-1"} <= set(regions())
    assert all(len(account_of(region) or "") == 12 for region in regions())


@pytest.mark.parametrize(
    ("path", "base", "found", "exact"),
    [
        ("my-serving:1", None, "pytorch-1.11", False),
        ("my-serving:1", "huggingface-2.6", "huggingface-2.6", False),
        (f"my-serving@sha256:{'0' * 64}", "pytorch-2.6", "pytorch-2.6", False),
        (f"pytorch-inference@sha256:{'0' * 64}", None, "pytorch-1.11", False),
        (f"mirror/huggingface-pytorch-inference:{HUGGING_FACE}", None, "huggingface-2.6", True),
        ("pytorch-inference:2.6.0-gpu-py312", "pytorch-2.6", "pytorch-2.6", True),
    ],
)
def test_an_own_image_is_built_from_what_the_settings_say_and_a_mirrored_one_is_that_image(
    path: str, base: ImageName | None, found: str, exact: object
) -> None:
    image = own_image(f"{OWN}/{path}", base=base, region="eu-west-1")
    assert (image.base.name, image.exact) == (found, exact)
    repository = path.partition(":")[0].partition("@")[0]
    assert image.repository_arn == f"arn:aws:ecr:eu-west-1:123456789012:repository/{repository}"


def test_an_own_image_of_another_region_is_rejected() -> None:
    with pytest.raises(SettingsError, match=r'endpoint\.image is ".*:1" and region "us-east-1"; .*: copy the image'):
        own_image(f"{OWN}/my-serving:1", base=None, region="us-east-1")
