"""The table of images, and which of them a template's image URI names."""

from __future__ import annotations

import re
from itertools import product

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ServingImage, image_of, tagged

AWS = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"
DIGEST = f"sha256:{'a' * 64}"
EVERY_TAG = [(image, processor) for image in IMAGES for processor in ("cpu", "gpu")]


@pytest.mark.parametrize(("name", "processor"), EVERY_TAG)
def test_every_image_is_known_by_its_uri_in_any_region_and_account(name: str, processor: str) -> None:
    image = IMAGES[name]
    path = f"{image.repository}:{image.tags[processor]}"
    for registry, prefix in product(
        (AWS, "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu"),
        ("", "mirror/", "team/aws-dlc/"),
    ):
        assert tagged(f"{registry}/{prefix}{path}") == (image, processor)
    assert image_of(f"{AWS}/{path}@{DIGEST}") is image


@pytest.mark.parametrize(
    ("tag", "name", "processor"),
    [
        ("1.11.0-gpu-py38", "pytorch-1.11", "gpu"),
        ("1.11-cpu-py38", "pytorch-1.11", "cpu"),
        ("1.11-gpu-py38-cu113-ubuntu20.04-sagemaker-v1", "pytorch-1.11", "gpu"),
        ("1.11.0-cpu-py38-ubuntu20.04-sagemaker-v1.8", "pytorch-1.11", "cpu"),
        ("1.11.0-cpu-py38-ubuntu20.04-sagemaker-v1.8-2023-03-03-01-02-03", "pytorch-1.11", "cpu"),
        ("2.6.0-gpu-py312", "pytorch-2.6", "gpu"),
        ("2.6-cpu-py312-ubuntu22.04-sagemaker-v1", "pytorch-2.6", "cpu"),
        ("2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker-v1.84", "pytorch-2.6", "gpu"),
    ],
)
def test_an_image_is_known_by_each_of_its_tags(tag: str, name: str, processor: str) -> None:
    assert tagged(f"{AWS}/pytorch-inference:{tag}") == (IMAGES[name], processor)


@pytest.mark.parametrize(
    "path",
    [
        "pytorch-inference:1.11.0-gpu-py38-cu115-ubuntu20.04-ec2",  # no toolkit of SageMaker's
        "pytorch-inference:1.11.0-gpu-py39",
        "pytorch-inference:1.110-gpu-py38",
        "pytorch-inference:2.6.0-gpu-py312-cu126-ubuntu22.04-sagemaker",
        "pytorch-inference:2.6.0-gpu-py3120",
        "pytorch-inference:latest",
        "pytorch-inference-arm64:2.6.0-cpu-py312-ubuntu22.04-sagemaker",
        "my-pytorch-inference:1.11.0-gpu-py38",
        "huggingface-pytorch-inference:2.6.0-gpu-py312",
        "huggingface-pytorch-inference:2.6.0-transformers4.51.3-gpu-py312-cu124-ubuntu22.04",
        "huggingface-pytorch-inference:2.6.0-transformers5.5.3-gpu-py312",
        "pytorch-training:1.11.0-gpu-py38",
        "pytorch-inference",
        f"pytorch-inference@{DIGEST}",
    ],
)
def test_another_image_is_not_known(path: str) -> None:
    assert image_of(f"{AWS}/{path}") is None


def test_an_image_outside_of_ecr_is_not_known() -> None:
    assert image_of("docker.io/library/pytorch-inference:1.11.0-gpu-py38") is None
    assert image_of("") is None


@pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))
def test_an_image_s_tags_agree_with_the_rest_of_its_row(image: ServingImage) -> None:
    for processor, tag in image.tags.items():
        assert tag.startswith(f"{image.packages['torch']}-")
        assert f"-{processor}-py{image.python.replace('.', '')}" in tag
        transformers = re.search(r"transformers([\d.]+)-", tag)
        assert (transformers and transformers[1]) == image.packages.get("transformers")
        assert (f"-cu{image.cuda.version.replace('.', '')}-" in tag) == (processor == "gpu")
        # A wheel's tag names the glibc that it needs at least: Ubuntu 20.04 has 2.31, 22.04 has 2.35.
        glibc = {"20.04": "2_31", "22.04": "2_35"}
        assert image.platform.endswith(glibc[re.findall(r"ubuntu([\d.]+)", tag)[0].rstrip(".")])
    assert image.cuda.oldest < image.cuda.newest


def test_the_default_is_the_image_of_the_post() -> None:
    assert IMAGES[DEFAULT_IMAGE].packages["torch"] == "1.11.0"
