from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from app import build_app
from async_endpoint.protocol.serving_images import IMAGE_BASE, IMAGES, ImageName, image_of
from model_artifacts import pack
from stacks.settings.fields import SettingsError
from tests.stacks.templates import StacksOf, TemplateWith, by_sid, dev, only, properties, write_artifacts

MODEL = "AWS::SageMaker::Model"


def test_the_model_is_the_image_and_the_archive(endpoint: Template, artifacts: Path) -> None:
    container = properties(endpoint, MODEL)["PrimaryContainer"]
    digest = pack.digest(artifacts)
    assert container["Image"] == (
        "763104351884.dkr.ecr.ap-northeast-1.amazonaws.com/"
        "pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker"
    )
    assert container["ModelDataUrl"] == {
        "Fn::Sub": f"s3://cdk-hnb659fds-assets-${{AWS::AccountId}}-ap-northeast-1/{digest}.tar.gz"
    }
    environment = container["Environment"]
    assert (environment["SAGEMAKER_PROGRAM"], environment["MODEL_VERSION"]) == ("inference.py", digest[:12])
    assert dev().limits.environment.items() <= environment.items()


def test_an_archive_that_is_not_built_here_has_no_version_of_its_own(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(model__source="archive", model__location="s3://models-1/donut/model.tar.gz")
    assert "MODEL_VERSION" not in properties(endpoint, MODEL)["PrimaryContainer"]["Environment"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize(
    ("resource_type", "name"),
    [("AWS::SageMaker::Model", "ModelName"), ("AWS::SageMaker::EndpointConfig", "EndpointConfigName")],
)
def test_what_is_replaced_at_each_change_has_no_fixed_name(
    stacks_of: StacksOf, stage: str, resource_type: str, name: str
) -> None:
    assert name not in properties(stacks_of(stage)["Endpoint"], resource_type)


@pytest.mark.parametrize(
    ("image", "repository", "variable"),
    [
        ("pytorch-2.6", "pytorch-inference", "SAGEMAKER_TS_BATCH_SIZE"),
        ("huggingface-2.6", "huggingface-pytorch-inference", "MODEL_BATCH_SIZE"),
    ],
)
def test_another_image_is_pulled_from_its_repository_with_the_variables_of_its_server(
    endpoint_with: TemplateWith, image: ImageName, repository: str, variable: str
) -> None:
    endpoint = endpoint_with(endpoint__image=image)
    container = properties(endpoint, MODEL)["PrimaryContainer"]
    assert image_of(container["Image"]) is IMAGES[image]
    assert container["Environment"][variable] == "8"
    assert by_sid(endpoint)["PullImage"]["Resource"] == (
        f"arn:aws:ecr:ap-northeast-1:763104351884:repository/{repository}"
    )


def test_an_own_image_has_the_variables_of_the_server_of_its_base(endpoint_with: TemplateWith) -> None:
    own = {"endpoint__image": "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/mine:1"}
    of_default = properties(endpoint_with(**own), MODEL)["PrimaryContainer"]["Environment"]
    assert "SAGEMAKER_TS_BATCH_SIZE" in of_default
    based = endpoint_with(**own, endpoint__image_base="huggingface-2.6")
    assert "MMS_JOB_QUEUE_SIZE" in properties(based, MODEL)["PrimaryContainer"]["Environment"]
    assert only(based, MODEL)[1]["Metadata"][IMAGE_BASE] == "huggingface-2.6"


def test_an_own_image_is_pulled_from_its_own_repository(endpoint_with: TemplateWith) -> None:
    uri = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/team/donut:7"
    endpoint = endpoint_with(endpoint__image=uri)
    assert properties(endpoint, MODEL)["PrimaryContainer"]["Image"] == uri
    assert by_sid(endpoint)["PullImage"]["Resource"] == (
        "arn:aws:ecr:ap-northeast-1:123456789012:repository/team/donut"
    )


def test_the_container_gets_the_environment_of_the_settings(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(model__environment={"TASK_PROMPT": "<s_cord>", "MODEL_VERSION": "3"})
    environment = properties(endpoint, MODEL)["PrimaryContainer"]["Environment"]
    assert (environment["TASK_PROMPT"], environment["MODEL_VERSION"]) == ("<s_cord>", "3")


def test_only_instances_in_a_vpc_have_network_permissions(endpoint: Template, endpoint_with: TemplateWith) -> None:
    network = {
        "network__subnet_ids": ["subnet-0123456789abcdef0"],
        "network__security_group_ids": ["sg-0123456789abcdef0"],
    }
    in_vpc = endpoint_with(**network)
    assert properties(in_vpc, MODEL)["VpcConfig"] == {
        "Subnets": ["subnet-0123456789abcdef0"],
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
    }
    assert all(each.startswith("ec2:") for each in by_sid(in_vpc)["StandInVpc"]["Action"])
    assert "StandInVpc" not in by_sid(endpoint)


def test_an_isolated_container_brings_its_packages(endpoint_with: TemplateWith, tmp_path: Path) -> None:
    isolated = {"network__isolation": True, "model__dependencies": "included"}
    assert properties(endpoint_with(**isolated), MODEL)["EnableNetworkIsolation"] is True
    wanting = write_artifacts(tmp_path / "artifacts")
    (wanting / "code" / "requirements.txt").write_text("# why\ntransformers==4.30.2\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"requirements\.lock is missing, .* run async-endpoint model lock"):
        build_app(dev(**isolated), artifacts=wanting)
