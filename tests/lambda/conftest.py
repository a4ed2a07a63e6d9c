"""Fixtures for the functions: in memory, and loaded like in Lambda with an AWS over HTTP."""

import importlib
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client

from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox
from tests.support.intake import SUBMIT_ENVIRONMENT, Intake

# Modules with clients and loggers, which belong to the environment in which they were imported.
ROOTS = ("submit.", "record.", "reconcile.", "notify.", "shared.")
STATEFUL = (
    ".handler",
    ".batch",
    ".observability",
    ".outcome_adapters",
    ".wake",
    ".lane",
    ".lane_adapters",
    ".admission",
    ".at_once",
    "notify.logic",
)


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
def inbox(s3: S3Client, bucket: str) -> VersionedInbox:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return VersionedInbox(bucket, s3)


@pytest.fixture
def jobs(jobs_table: Table) -> RecordedJobs:
    return RecordedJobs(jobs_table)


@pytest.fixture
def forget_modules() -> Iterator[None]:
    """Has modules with clients and loggers imported anew, in this test and in the next."""
    _forget_modules()
    yield
    _forget_modules()


@pytest.fixture
def load(
    forget_modules: None,
    aws_url: str,
    server: EndpointServer,
    jobs_table: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str], Function]:
    """Loads a function with its environment and the local AWS."""
    del forget_modules
    environment = {
        **SUBMIT_ENVIRONMENT,
        "JOBS_TABLE": jobs_table.name,
        "POWERTOOLS_SERVICE_NAME": uuid.uuid4().hex,  # one log for each test: Powertools caches logs by this name
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def load(name: str) -> Function:
        _forget_modules()
        return Function(importlib.import_module(f"{name}.handler"), capsys)

    return load


def _forget_modules() -> None:
    for module in [name for name in sys.modules if name.startswith(ROOTS) and name.endswith(STATEFUL)]:
        del sys.modules[module]
