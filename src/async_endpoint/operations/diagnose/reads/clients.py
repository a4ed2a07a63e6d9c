"""The AWS clients of a diagnosis: short timeouts and few retries, because the command ends within seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from async_endpoint.client.wrong_responses import reject_wrong_responses

if TYPE_CHECKING:
    import boto3

SERVICES = (
    "application-autoscaling", "cloudformation", "cloudwatch", "dynamodb", "events", "iam", "kms", "lambda", "logs",
    "s3", "sagemaker", "sns", "sqs",
)  # fmt: skip
WORKERS = 16
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=5,
    max_pool_connections=WORKERS,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@dataclass(frozen=True)
class Clients:
    """One client for each service, by its name; clients may be shared by threads, their creation may not."""

    session: boto3.Session
    by_service: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_session(cls, session: boto3.Session) -> Clients:
        """Creates the clients, without a request.

        Raises:
            BotoCoreError: The configuration of the AWS SDKs is broken, or no region is set.
        """
        reject_wrong_responses(session.events)
        create: Any = session.client
        return cls(session, {service: create(service, config=_CONFIG) for service in SERVICES})

    def __getitem__(self, service: str) -> Any:
        return self.by_service[service]
