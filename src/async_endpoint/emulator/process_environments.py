"""The environment variables of a local AWS's process and of its clients, free of the user's settings for AWS."""

import os
from collections.abc import Mapping
from pathlib import Path

from async_endpoint.emulator.server.state_file import StateFolder

# The user's settings that must reach neither the process nor its clients: one left over could lead past the local AWS
# to a real account, or change how ministack behaves.
_NOT_INHERITED = (
    "AWS_",
    "MINISTACK_",
    "GATEWAY_",
    "PERSIST_",
    "S3_PERSIST",
    "SERVICES",
    "AUTH",
    "LAMBDA_",
    "LOCALSTACK_",
)
# ministack checks the signatures of presigned URLs with the key that its clients have.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment without any setting for AWS, for ministack or for its relatives."""
    return {name: value for name, value in environment.items() if not name.startswith(_NOT_INHERITED)}


def client_variables(endpoint_url: str, region: str, cdk_home: Path) -> dict[str, str]:
    """Returns the variables that point the AWS SDKs, the AWS CLI and the CDK CLI at a local AWS and at nothing else.

    Args:
        endpoint_url: The URL of every service.
        region: The region of clients that name none.
        cdk_home: A folder of this local AWS alone: the CDK CLI caches accounts by access key in it.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        **_CREDENTIALS,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "localhost,127.0.0.1",
        "CDK_HOME": str(cdk_home.absolute()),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }


def server_environment(port: int, state: StateFolder) -> dict[str, str]:
    """Returns the environment of the process: this one without settings, and ministack's settings."""
    return without_settings(os.environ) | {
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state.services),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state.objects),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_EC2_METADATA_DISABLED": "true",
        **_CREDENTIALS,
        "PYTHONUNBUFFERED": "1",
    }
