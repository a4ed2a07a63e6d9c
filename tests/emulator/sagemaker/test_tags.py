"""The tags of SageMaker's resources."""

import pytest

from tests.emulator.sagemaker.calls import ARN, Client, rejection


def test_tags(sagemaker: Client, failed: str) -> None:
    arn = f"{ARN}:endpoint/{failed}"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]
    added = sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "prod"}, {"Key": "a", "Value": "b"}])
    assert added["Tags"] == [{"Key": "stage", "Value": "prod"}, {"Key": "a", "Value": "b"}]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "prod"}]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])


@pytest.mark.parametrize("kind", ["endpoint", "endpoint-config", "model"])
def test_unknown_resources_have_no_tags(sagemaker: Client, kind: str) -> None:
    arn = f"{ARN}:{kind}/x"
    expected = ("ValidationException", f'Could not find resource "{arn}".')
    assert rejection(sagemaker.list_tags, ResourceArn=arn) == expected
    assert rejection(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}]) == expected
    assert rejection(sagemaker.delete_tags, ResourceArn=arn, TagKeys=["a"]) == expected


def test_models_and_endpoint_configs_have_tags(sagemaker: Client, name: str) -> None:
    for kind in ("model", "endpoint-config"):
        arn = f"{ARN}:{kind}/{name}"
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]
