import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf

OUTPUTS = {
    "EndpointName",
    "InputBucketName",
    "OutputBucketName",
    "SuccessTopicArn",
    "ErrorTopicArn",
    "CallerPolicyArn",
    "InvokeCommand",
}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_output_has_a_description(stacks_of: StacksOf, stage: str) -> None:
    outputs = stacks_of(stage)["Endpoint"].find_outputs("*")
    assert outputs.keys() == OUTPUTS
    assert all(each["Description"] for each in outputs.values())


def test_the_invoke_command_can_be_pasted(endpoint: Template) -> None:
    parts = endpoint.find_outputs("InvokeCommand")["InvokeCommand"]["Value"]["Fn::Join"][1]
    names = {"Fn::GetStackOutput": "INPUT", "Fn::GetAtt": "ENDPOINT"}
    command = "".join(part if isinstance(part, str) else names[next(iter(part))] for part in parts)
    assert command == (
        "aws s3 cp document.jpg s3://INPUT/document.jpg --region ap-northeast-1 && "
        "aws sagemaker-runtime invoke-endpoint-async --region ap-northeast-1 --endpoint-name ENDPOINT "
        "--input-location s3://INPUT/document.jpg --content-type image/jpeg "
        "--request-ttl-seconds 21600 --invocation-timeout-seconds 721"
    )
