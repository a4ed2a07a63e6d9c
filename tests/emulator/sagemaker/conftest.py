"""A local AWS in which no instance can start: its endpoints become Failed."""

import uuid

import pytest

from tests.emulator.conftest import Running
from tests.emulator.fakes import endpoint_config, eventually, model
from tests.emulator.sagemaker.calls import Client, status


@pytest.fixture(scope="session")
def sagemaker(running: Running) -> Client:
    return running.client("sagemaker")


@pytest.fixture(scope="session")
def runtime(running: Running) -> Client:
    return running.client("sagemaker-runtime")


@pytest.fixture
def name(sagemaker: Client) -> str:
    """A new name, of a model and of an endpoint config."""
    name = f"e-{uuid.uuid4().hex[:12]}"
    sagemaker.create_model(**model(name, "s3://no-such-bucket/model.tar.gz"))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    return name


@pytest.fixture(scope="session")
def failed(sagemaker: Client) -> str:
    """An endpoint whose first deployment failed."""
    name = f"failed-{uuid.uuid4().hex[:12]}"
    sagemaker.create_model(**model(name, "s3://no-such-bucket/model.tar.gz"))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "stage", "Value": "dev"}])
    eventually(lambda: status(sagemaker, name) == "Failed", "the endpoint has failed")
    return name
