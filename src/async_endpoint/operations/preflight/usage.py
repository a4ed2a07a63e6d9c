"""The instances that the account's other endpoints use."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import AWS_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.operations.preflight.clients import Clients

LISTING_SECONDS = 15.0
"""How long to describe other endpoints before giving up."""

_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")

Json = dict[str, Any]


class _OutOfTimeError(Exception):
    """The endpoints could not all be described in time."""


def used_by_others(
    clients: Clients, instance_type: str, own: str | None, *, seconds: float = LISTING_SECONDS
) -> int | None:
    """Counts the instances of a type that the account's endpoints run now, without the stage's own.

    Returns:
        Their number; None if an endpoint could not be described, or not in time: the number would be too low.
    """
    used = 0
    try:
        for endpoint in _endpoints(clients, deadline=time.monotonic() + seconds):
            of_endpoint = 0 if endpoint == own else _instances(clients, endpoint, instance_type)
            if of_endpoint is None:
                return None
            used += of_endpoint
    except (*AWS_ERRORS, _OutOfTimeError):
        return None
    return used


def _endpoints(clients: Clients, *, deadline: float) -> Iterator[str]:
    for page in clients.sagemaker.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 100}):
        for each in page["Endpoints"]:
            if time.monotonic() > deadline:
                raise _OutOfTimeError
            yield each["EndpointName"]


def _instances(clients: Clients, endpoint: str, instance_type: str) -> int | None:
    try:
        described = clients.sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if "Could not find" not in str(error):
            raise
        return 0  # deleted since the listing
    summaries = [each for key in _VARIANTS for each in described.get(key, ()) if each.get("CurrentInstanceCount")]
    if not summaries:
        return 0
    config = clients.sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variants = {each["VariantName"]: each for key in _VARIANTS for each in config.get(key, ())}
    counts = [_of_variant(each, variants.get(each["VariantName"], {}), instance_type) for each in summaries]
    return None if None in counts else sum(count for count in counts if count is not None)


def _of_variant(summary: Json, variant: Json, instance_type: str) -> int | None:
    """Returns the variant's instances of the type; None if it has several types and no count of each."""
    if pools := summary.get("InstancePools"):
        return sum(int(pool.get("CurrentInstanceCount", 0)) for pool in pools if pool["InstanceType"] == instance_type)
    types = {pool["InstanceType"] for pool in variant.get("InstancePools", ())} or {variant.get("InstanceType")}
    if types == {instance_type}:
        return int(summary["CurrentInstanceCount"])
    return None if instance_type in types or None in types else 0
