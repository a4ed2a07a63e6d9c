"""A small stack with an endpoint, as a template, and its review against a changed one."""

from __future__ import annotations

from typing import Any

from async_endpoint.operations.diff.review import Review, review

Template = dict[str, Any]

READ: Template = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [{"Ref": "In"}, "/*"]]}}
TLS: Template = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": {"AWS": "*"}}
BASE: Template = {
    "Resources": {
        "In": {"Type": "AWS::S3::Bucket", "Metadata": {"aws:cdk:path": "Endpoint/Documents/Input/Resource"}},
        "InPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "In"}, "PolicyDocument": {"Statement": [TLS]}},
        },
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [READ]}},
        },
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": {"ModelDataUrl": "s3://a/1"}}},
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "AllTraffic",
                        "InstanceType": "ml.g4dn.xlarge",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                    }
                ]
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MinCapacity": 0}},
    },
    "Outputs": {"Name": {"Value": {"Ref": "Endpoint"}}},
}


def compare(head: Template, base: Template = BASE) -> Review:
    """The review of a changed template of the stack."""
    return review({"Endpoint": base}, {"Endpoint": head})
