"""The check of the instance quotas: the account may run as many instances as the stage may need.

A sufficient quota is no guarantee: people have reported new accounts in which SageMaker enforces a lower limit than
Service Quotas shows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from async_endpoint.autoscaling.instance_quota_codes import (
    INSTANCE_QUOTA_CODES,
    QUOTA_SERVICE_CODE,
    instance_quota_name,
)
from async_endpoint.operations.preflight.check import Check, Status, code_of, run_check
from async_endpoint.operations.preflight.usage import used_by_others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from async_endpoint.operations.preflight.clients import Clients
    from async_endpoint.operations.preflight.fleets import Fleet

QUOTA = "quota"

_NOT_FOUND = "NoSuchResourceException"
_LISTING_SECONDS = 30.0  # SageMaker has thousands of quotas, a hundred a page
_ACTIONS = "servicequotas:GetServiceQuota, GetAWSDefaultServiceQuota, ListServiceQuotas, ListAWSDefaultServiceQuotas"


@dataclass(frozen=True)
class Quota:
    """A quota in Service Quotas."""

    code: str
    value: int


def check_quota(clients: Clients, fleet: Fleet, instance_type: str, region: str) -> Check:
    """Checks the quota of an instance type, less what other endpoints use of it."""

    def ask() -> Check:
        quota = find_quota(clients, instance_type, deadline=time.monotonic() + _LISTING_SECONDS)
        others = used_by_others(clients, instance_type, fleet.endpoint) if quota else 0
        return judge_quota(fleet, instance_type, quota, others, region)

    return run_check(QUOTA, _ACTIONS, ask)


def judge_quota(fleet: Fleet, instance_type: str, quota: Quota | None, others: int | None, region: str) -> Check:
    """Returns the check for a quota (None: not listed) and the instances of other endpoints (None: unknown).

    A quota too low for a new endpoint to start is an error, unless the fleet has a fallback type. A quota too low only
    for scaling or an update is a warning; so is one that may be used up by other endpoints.
    """
    name = instance_quota_name(instance_type)
    if quota is None:
        message = f'Service Quotas lists no "{name}": the type is not offered in {region}, or listing took too long.'
        listing = f"aws service-quotas list-service-quotas --service-code {QUOTA_SERVICE_CODE} --region {region}"
        return Check(QUOTA, Status.WARNING, message, listing)
    left = quota.value - (others or 0)
    used = f", and other endpoints use {others}" if others else ""
    if others is None:
        used = ", and what other endpoints use is unknown"
    needs = f"up to {fleet.most}, and {fleet.updating} during an update ({fleet.strategy})"
    found = f'"{name}" is {quota.value}{used}; the stage needs {needs}'
    if left >= fleet.updating:
        if others is None:
            listing = f"aws sagemaker list-endpoints --region {region}   # their instances count against the same quota"
            return Check(QUOTA, Status.WARNING, f"{found}.", listing)
        return Check(QUOTA, Status.OK, f"{found}.")
    fix = (
        f"aws service-quotas request-service-quota-increase --service-code {QUOTA_SERVICE_CODE} "
        f"--quota-code {quota.code} --desired-value {fleet.updating + (others or 0)} --region {region}"
    )
    if left < fleet.initial:
        is_only = len(fleet.instance_types) == 1
        cannot = "the endpoint cannot start" if is_only else "no instance of this type can start"
        return Check(QUOTA, Status.ERROR if is_only else Status.WARNING, f"{found}: {cannot}.", fix)
    rejected = "scaling to the maximum" if left < fleet.most else "an update while all of them run"
    return Check(QUOTA, Status.WARNING, f"{found}: SageMaker would reject {rejected}.", fix)


def find_quota(clients: Clients, instance_type: str, *, deadline: float) -> Quota | None:
    """Returns the applied quota of a type, else its default; looked up by its code if known, else by its name.

    Args:
        clients: Clients for the region.
        instance_type: The type.
        deadline: When to stop listing, on the monotonic clock.

    Raises:
        BotoCoreError, ClientError: A request to Service Quotas failed.
    """
    name = instance_quota_name(instance_type)
    if code := INSTANCE_QUOTA_CODES.get(instance_type):
        for get in (clients.quotas.get_service_quota, clients.quotas.get_aws_default_service_quota):
            found = _get(get, code)
            if found and found["QuotaName"] == name:
                return Quota(code, int(found["Value"]))
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for item in _list(clients, operation, deadline):
            if item["QuotaName"] == name:
                return Quota(item["QuotaCode"], int(item["Value"]))
    return None


def _get(get: Callable[..., dict[str, Any]], code: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = get(ServiceCode=QUOTA_SERVICE_CODE, QuotaCode=code)["Quota"]
    except ClientError as error:
        if code_of(error) != _NOT_FOUND:
            raise
        return None
    return found


def _list(clients: Clients, operation: str, deadline: float) -> Iterator[dict[str, Any]]:
    pages = clients.quotas.get_paginator(operation).paginate(
        ServiceCode=QUOTA_SERVICE_CODE, PaginationConfig={"PageSize": 100}
    )
    for page in pages:
        yield from page["Quotas"]
        if time.monotonic() > deadline:
            return
