from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from app import build_app
from model_artifacts import pack
from stacks.endpoint import EndpointStack
from stacks.instance_types import Device
from stacks.serving_images import serving_image
from tests.stacks.templates import dev, properties


def test_the_model_is_the_image_and_the_archive(endpoint: Template, artifacts: Path) -> None:
    assert properties(endpoint, "AWS::SageMaker::Model")["PrimaryContainer"] == {
        "Image": "763104351884.dkr.ecr.ap-northeast-1.amazonaws.com/"
        "pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker",
        "ModelDataUrl": {
            "Fn::Sub": f"s3://cdk-hnb659fds-assets-${{AWS::AccountId}}-ap-northeast-1/{pack.digest(artifacts)}.tar.gz"
        },
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "300",
            "SAGEMAKER_TS_MIN_WORKERS": "1",
            "SAGEMAKER_TS_MAX_WORKERS": "1",
            "SAGEMAKER_TS_BATCH_SIZE": "8",
            "SAGEMAKER_TS_MAX_BATCH_DELAY": "50",
            "SAGEMAKER_TS_RESPONSE_TIMEOUT": "300",
            "TS_DEFAULT_STARTUP_TIMEOUT": "240",
            "TS_JOB_QUEUE_SIZE": "100",
            "TS_MAX_REQUEST_SIZE": "104857600",
            "TS_MAX_RESPONSE_SIZE": "104857600",
            "MODEL_VERSION": pack.digest(artifacts)[:12],
        },
    }


def test_an_archive_that_is_not_built_here_has_no_version_of_its_own(artifacts: Path) -> None:
    app = build_app(dev(model__source="archive", model__location="s3://models/donut.tar.gz"), artifacts=artifacts)
    stack = app.node.find_child("Endpoint")
    assert isinstance(stack, EndpointStack)
    template = Template.from_stack(stack)
    environment = properties(template, "AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    assert "MODEL_VERSION" not in environment


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize(
    ("resource_type", "name"),
    [("AWS::SageMaker::Model", "ModelName"), ("AWS::SageMaker::EndpointConfig", "EndpointConfigName")],
)
def test_what_is_replaced_at_each_change_has_no_fixed_name(
    stacks_of: Callable[[str], dict[str, Template]], stage: str, resource_type: str, name: str
) -> None:
    assert name not in properties(stacks_of(stage)["Endpoint"], resource_type)


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
