"""The AWS clients of preflight: short timeouts and few retries, so that no check hangs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config

if TYPE_CHECKING:
    import boto3

# One region of each partition that needs no opt-in; it knows the caller and which regions are enabled.
_HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_CONFIG = Config(connect_timeout=4, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True)
class Clients:
    """One client for each service; `sts` and `ec2` use the partition's home region, the others the stage's."""

    sts: Any
    ec2: Any
    ssm: Any
    cloudformation: Any
    sagemaker: Any
    quotas: Any
    ecr: Any
    functions: Any
    s3: Any
    kms: Any
    logs: Any

    @classmethod
    def from_session(cls, session: boto3.Session, region: str) -> Self:
        """Creates the clients, without a request.

        Raises:
            BotoCoreError: The configuration of the AWS SDKs is broken, such as a profile that does not exist.
        """
        home = _HOME_REGIONS.get(session.get_partition_for_region(region), region)

        def client(service: str, where: str = region) -> Any:
            return session.client(service, region_name=where, config=_CONFIG)  # type: ignore[call-overload]

        return cls(
            sts=client("sts", home),
            ec2=client("ec2", home),
            ssm=client("ssm"),
            cloudformation=client("cloudformation"),
            sagemaker=client("sagemaker"),
            quotas=client("service-quotas"),
            ecr=client("ecr"),
            functions=client("lambda"),
            s3=client("s3"),
            kms=client("kms"),
            logs=client("logs"),
        )
