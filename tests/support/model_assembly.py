"""A cloud assembly with one model, in the form that the CDK CLI writes."""

import json
import sys
from pathlib import Path
from typing import Any

IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker"
BUCKET = "cdk-assets-${AWS::AccountId}-eu-west-1"
PRINTS_A_PATH = [sys.executable, "-c", "print('/build/model.tar.gz')"]


def assembly(folder: Path, *models: dict[str, Any], executable: list[str] | None = None) -> Path:
    """A folder of `cdk synth --output` with these models."""
    resources: dict[str, Any] = {
        f"Model{index}": {"Type": "AWS::SageMaker::Model", "Properties": model} for index, model in enumerate(models)
    }
    variant = {"ContainerStartupHealthCheckTimeoutInSeconds": 90}
    client = {"MaxConcurrentInvocationsPerInstance": 16}
    config = {"ProductionVariants": [variant], "AsyncInferenceConfig": {"ClientConfig": client}}
    resources["Config"] = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config}
    source = {"executable": executable} if executable else {"path": "model.tar.gz", "packaging": "file"}
    files = {"x": {"source": source, "destinations": {"d": {"bucketName": BUCKET, "objectKey": "abc.tar.gz"}}}}
    artifacts = {
        "Endpoint": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/eu-west-1",
            "properties": {"templateFile": "Endpoint.template.json", "stackName": "endpoint"},
        },
        "Endpoint.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Endpoint.assets.json"}},
    }
    for name, content in (
        ("manifest.json", {"artifacts": artifacts}),
        ("Endpoint.template.json", {"Resources": resources}),
        ("Endpoint.assets.json", {"files": files}),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def model(**changes: Any) -> dict[str, Any]:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": {"Fn::Sub": f"s3://{BUCKET}/abc.tar.gz"},
        "Environment": {"SAGEMAKER_TS_BATCH_SIZE": "8", "LABELS": "a", "REGION": {"Ref": "AWS::Region"}},
    }
    return {"PrimaryContainer": container | changes}
