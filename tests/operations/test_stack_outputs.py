"""The outputs of stacks, as the commands read them."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from async_endpoint.operations.stack_outputs import StackError, read_outputs


def test_outputs_of_several_stacks_are_read_together(session: boto3.Session) -> None:
    cloudformation = session.client("cloudformation")

    def described(name: str, outputs: dict[str, str]) -> dict[str, Any]:
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        when = "2026-01-01T00:00:00Z"
        return {
            "Stacks": [{"StackName": name, "CreationTime": when, "StackStatus": "CREATE_COMPLETE", "Outputs": listed}]
        }

    with Stubber(cloudformation) as stubbed:
        stubbed.add_response("describe_stacks", described("A", {"InputBucketName": "b"}), {"StackName": "A"})
        stubbed.add_response("describe_stacks", described("B", {"EndpointName": "e"}), {"StackName": "B"})
        assert read_outputs(cloudformation, ["A", "B"]) == {"InputBucketName": "b", "EndpointName": "e"}

        stubbed.add_client_error("describe_stacks", "ValidationError", "Stack with id C does not exist")
        with pytest.raises(StackError, match=r"The outputs of stack C cannot be read: .*does not exist"):
            read_outputs(cloudformation, ["C"])
    cloudformation.close()
