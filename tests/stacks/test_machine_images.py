from typing import get_args

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from stacks.machine_images import MACHINE_IMAGES, Verdict, running, verdict_of
from stacks.settings.endpoint import InferenceAmiVersion
from stacks.settings.fields import SettingsError
from tests.stacks.templates import dev

AL2023 = "al2023-ami-sagemaker-inference-gpu-4-1"
MIRROR = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/aws/pytorch-inference:2.6.0-gpu-py312"


def test_every_machine_image_that_a_stage_may_choose_is_known() -> None:
    assert tuple(MACHINE_IMAGES) == get_args(InferenceAmiVersion)


@pytest.mark.parametrize("image", ["pytorch-2.6", "huggingface-2.6", MIRROR])
def test_a_pair_that_is_known_to_fail_is_rejected_with_those_that_run(image: str) -> None:
    with pytest.raises(SettingsError) as rejected:
        dev(endpoint__image=image, endpoint__inference_ami_version=AL2023)
    name = "pytorch-2.6" if image == MIRROR else image
    assert str(rejected.value) == (
        f'endpoint.inference_ami_version is "{AL2023}"; the image {name} (CUDA 12.4) is known not to start there: take '
        "it out, or choose al2-ami-sagemaker-inference-gpu-3-1 or al2-ami-sagemaker-inference-gpu-2 or "
        "al2-ami-sagemaker-inference-gpu-2-1."
    )


@pytest.mark.parametrize(
    ("image", "machine_image"),
    [
        *((name, each) for name in IMAGES for each in MACHINE_IMAGES if each != AL2023),
        ("pytorch-1.11", AL2023),  # open, and so allowed
        ("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1", AL2023),
    ],
)
def test_other_pairs_are_accepted(image: str, machine_image: str) -> None:
    made = dev(endpoint__image=image, endpoint__inference_ami_version=machine_image)
    assert made.endpoint.inference_ami_version == machine_image


def test_an_image_runs_where_the_driver_knows_its_cuda() -> None:
    verdicts = {name: [verdict_of(image, each) for each in MACHINE_IMAGES] for name, image in IMAGES.items()}
    runs, fails, unknown = Verdict.RUNS, Verdict.FAILS, Verdict.OPEN
    assert verdicts == {
        "pytorch-1.11": [runs, runs, runs, unknown],
        "pytorch-2.6": [runs, runs, runs, fails],
        "huggingface-2.6": [runs, runs, runs, fails],
    }
    assert running(IMAGES["pytorch-2.6"])[0] == "al2-ami-sagemaker-inference-gpu-3-1"
