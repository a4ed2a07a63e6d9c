"""Wakes a sleeping endpoint for documents that the client submits itself, if the caller may.

The caller needs sagemaker:DescribeEndpoint and UpdateEndpointWeightsAndCapacities, application-autoscaling:
DescribeScalableTargets and DescribeScalingPolicies, and cloudwatch:PutMetricData. Without them the endpoint's own
alarm wakes it, in minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.aws_errors import error_text
from async_endpoint.protocol import (
    VARIANT_NAME,
    WAKE_POLICY,
    VariantScaling,
    WakeResult,
    hold_wake_alarm,
    wake,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=10)
_SILENT = frozenset({WakeResult.AWAKE, WakeResult.BUSY})


class EndpointWaker:
    """Wakes one endpoint.

    Args:
        endpoint_name: The endpoint's name.
        session: A boto3 session; boto3's defaults if absent.
    """

    def __init__(self, endpoint_name: str, session: boto3.Session | None = None) -> None:
        self._name = endpoint_name
        self._session = session

    def wake(self, documents: int) -> str | None:
        """Wakes the endpoint if it sleeps; returns a sentence on what was done, or why it could not be.

        None: nothing was to be done. Errors become a sentence, too: the documents wait in the endpoint's queue.

        Args:
            documents: How many documents wait, or are about to.
        """
        try:
            return self._wake(documents)
        except Exception as error:  # noqa: BLE001 - whatever fails, the documents are submitted
            what = error_text(error)
            # Such as the KeyError of a proxy's page: its text alone says nothing.
            if not isinstance(error, (BotoCoreError, ClientError)):
                what = f"{type(error).__name__}: {what}"
            return f"The endpoint was not woken; if it sleeps, its alarm wakes it within minutes: {what}"

    def _wake(self, documents: int) -> str | None:
        session = self._session or boto3.Session()
        scaling = session.client("application-autoscaling", config=_CONFIG)
        variant = VariantScaling(
            session.client("sagemaker", config=_CONFIG), scaling, endpoint=self._name, variant=VARIANT_NAME
        )
        policies: list[Any] = []

        def backlog_per_instance() -> int:
            policies.extend(
                scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=variant.resource_id)[
                    "ScalingPolicies"
                ]
            )
            return _backlog_per_instance(policies) or documents

        found = wake(variant, waiting=lambda: documents, backlog_per_instance=backlog_per_instance)
        seconds = _wake_cooldown(policies)
        if found.result is WakeResult.WOKEN and seconds is not None:
            cloudwatch = session.client("cloudwatch", config=_CONFIG)
            hold_wake_alarm(cloudwatch, self._name, now=datetime.now(UTC), seconds=seconds)
        return None if found.result in _SILENT else found.sentence


def _backlog_per_instance(policies: Sequence[Any]) -> int | None:
    """Returns the target of the tracking policy, at least 1; None without one: then one instance is enough."""
    targets = [
        each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for each in policies
        if "TargetTrackingScalingPolicyConfiguration" in each
    ]
    return max(1, int(targets[0])) if targets else None


def _wake_cooldown(policies: Sequence[Any]) -> int | None:
    """Returns the cooldown of the wake policy in seconds; None without such a policy."""
    found = [each for each in policies if each["PolicyName"] == WAKE_POLICY]
    return int(found[0].get("StepScalingPolicyConfiguration", {}).get("Cooldown", 0)) if found else None
