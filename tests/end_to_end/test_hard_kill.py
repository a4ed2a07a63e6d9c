"""A local AWS that is killed the hard way leaves nothing behind."""

import io
import os
import signal
import socket
import time
import zipfile
from pathlib import Path

import boto3
import psutil
import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from demo.deployment import ROOT
from model_artifacts import pack
from tests.end_to_end.conftest import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

GONE_SECONDS = 10
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker"


def test_after_kill_9_no_process_and_no_port_is_left(
    serving: ServingEnvironments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalAws.start(serving, state_dir=tmp_path / "local-aws", speed=60)
    for name, value in local.environment("us-east-1").items():
        monkeypatch.setenv(name, value)
    try:
        _serve(tmp_path)
        _run_a_function()
        family = psutil.Process(local.pid).children(recursive=True)
        names = {process.name() for process in family}
        # A zombie, such as `torchserve --start` leaves behind in its toolkit, has no command line.
        commands = [" ".join(process.cmdline()) for process in family if process.status() != psutil.STATUS_ZOMBIE]
        ports = {
            connection.laddr.port
            for process in [psutil.Process(local.pid), *family]
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert "java" in names
        assert any("lambda" in command.lower() for command in commands), commands
        assert len(ports) > 1

        os.kill(local.pid, signal.SIGKILL)

        _, alive = psutil.wait_procs(family, timeout=GONE_SECONDS)
        assert alive == []
        assert [port for port in ports if _answers(port)] == []
        assert LocalAws.find(tmp_path / "local-aws") is None
    finally:
        local.stop()


def _run_a_function() -> None:
    """Make a Lambda function and invoke it, so that a worker of it waits for the next event."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event\n")
    functions = boto3.client("lambda")
    functions.create_function(
        FunctionName="function",
        Runtime="python3.14",
        Role="arn:aws:iam::000000000000:role/function",
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
    )
    assert functions.invoke(FunctionName="function", Payload=b'{"a": 1}')["Payload"].read() == b'{"a": 1}'


def _serve(folder: Path) -> None:
    """Make an endpoint of the committed model with plain boto3, and wait until it is in service."""
    archive = folder / "model.tar.gz"
    pack.pack(ROOT / "model_artifacts", archive)
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="bucket")
    s3.upload_file(str(archive), "bucket", "model.tar.gz")
    sagemaker.create_model(
        ModelName="model",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/execution",
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": "s3://bucket/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="config",
        ProductionVariants=[
            {"VariantName": "only", "ModelName": "model", "InstanceType": "ml.g4dn.xlarge", "InitialInstanceCount": 1}
        ],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/out"}},
    )
    sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")

    def settled() -> str | None:
        status = sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"]
        return None if status == "Creating" else status

    assert wait_for(settled, "the endpoint", 90) == "InService"


def _answers(port: int) -> bool:
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return False
        time.sleep(0.05)
    return True
