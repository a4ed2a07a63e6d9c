"""The quota of an instance type must cover the stage; how it is found among SageMaker's thousands of quotas."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.fleets import BLUE_GREEN, Fleet
from async_endpoint.operations.preflight.quota import Quota, check_quota, find_quota, judge_quota
from tests.operations.preflight.fakes import (
    INSTANCE_TYPE,
    OTHER_TYPE,
    QUOTA_CODE,
    REGION,
    Quotas,
    SageMaker,
    client_error,
    quota_item,
)

OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


def fleet(*types: str, initial: int = 1, most: int = 2) -> Fleet:
    return Fleet(types or (INSTANCE_TYPE,), initial, most, 2 * most, BLUE_GREEN, "e")


@pytest.mark.parametrize(
    ("value", "others", "status", "says"),
    [
        (4, 0, OK, "needs up to 2, and 4 during an update"),
        (3, 0, WARNING, "reject an update while all of them run"),
        (4, 1, WARNING, "other endpoints use 1"),
        (1, 0, WARNING, "reject scaling to the maximum"),
        (0, 0, ERROR, "the endpoint cannot start"),
        (2, 2, ERROR, "the endpoint cannot start"),
        (4, None, WARNING, "is 4, and what other endpoints use is unknown; the stage needs"),
        (3, None, WARNING, "what other endpoints use is unknown"),
        (0, None, ERROR, "what other endpoints use is unknown"),
    ],
)
def test_a_quota_must_cover_the_maximum_and_an_update(
    value: int, others: int | None, status: Status, says: str
) -> None:
    check = judge_quota(fleet(), INSTANCE_TYPE, Quota("L-1", value), others, REGION)
    assert check.status is status
    assert says in check.message
    if status is OK:
        assert check.fix is None
    elif value >= 4 and others is None:  # the quota itself may well suffice
        assert (check.fix or "").startswith(f"aws sagemaker list-endpoints --region {REGION}")
    else:
        wanted = f"--quota-code L-1 --desired-value {4 + (others or 0)} --region {REGION}"
        assert (check.fix or "").endswith(wanted)


def test_a_type_without_quota_is_a_warning_if_there_is_a_fallback_type() -> None:
    assert (
        judge_quota(fleet(INSTANCE_TYPE, "ml.g5.xlarge"), INSTANCE_TYPE, Quota("L-1", 0), 0, REGION).status is WARNING
    )


def test_a_quota_that_is_not_listed_is_a_warning() -> None:
    assert judge_quota(fleet(), "ml.new.large", None, 0, REGION).status is WARNING


def found(quotas: Quotas, instance_type: str, seconds: float = 60) -> Quota | None:
    clients: Any = SimpleNamespace(quotas=quotas)
    return find_quota(clients, instance_type, deadline=time.monotonic() + seconds)


def test_a_quota_with_a_known_code_takes_one_request() -> None:
    quotas = Quotas([[quota_item(INSTANCE_TYPE, QUOTA_CODE, 2)]], [])
    assert found(quotas, INSTANCE_TYPE) == Quota(QUOTA_CODE, 2)
    assert quotas.pages_read == 0


def test_a_quota_that_is_not_applied_has_its_default() -> None:
    quotas = Quotas([[]], [[quota_item(INSTANCE_TYPE, QUOTA_CODE, 1)]])
    assert found(quotas, INSTANCE_TYPE) == Quota(QUOTA_CODE, 1)


def test_a_code_that_belongs_to_another_quota_is_ignored() -> None:
    quotas = Quotas([[quota_item("ml.other.large", QUOTA_CODE, 9)], [quota_item(INSTANCE_TYPE, "L-NEW", 2)]], [])
    assert found(quotas, INSTANCE_TYPE) == Quota("L-NEW", 2)


def test_other_quotas_are_found_by_name_first_among_the_applied() -> None:
    quotas = Quotas(
        [[quota_item("a", "L-1", 1)], [quota_item(OTHER_TYPE, "L-2", 5)]], [[quota_item(OTHER_TYPE, "L-2", 3)]]
    )
    assert found(quotas, OTHER_TYPE) == Quota("L-2", 5)
    assert found(Quotas([[]], [[quota_item(OTHER_TYPE, "L-2", 3)]]), OTHER_TYPE) == Quota("L-2", 3)


def test_the_search_ends_in_time() -> None:
    quotas = Quotas([[quota_item("a", "L-1", 1)]] * 50, [[quota_item("a", "L-1", 1)]] * 50)
    assert found(quotas, OTHER_TYPE, seconds=-1) is None
    assert quotas.pages_read == 2


@pytest.mark.parametrize(("value", "status"), [(7, OK), (6, WARNING), (3, ERROR)])
def test_what_other_endpoints_use_is_not_left_for_the_stage(value: int, status: Status) -> None:
    used = [({"CurrentInstanceCount": 3}, {"InstanceType": INSTANCE_TYPE})]
    clients: Any = SimpleNamespace(
        quotas=Quotas([[quota_item(INSTANCE_TYPE, QUOTA_CODE, value)]], []), sagemaker=SageMaker(e=used, other=used)
    )
    check = check_quota(clients, fleet(), INSTANCE_TYPE, REGION)
    assert check.status is status
    assert "other endpoints use 3" in check.message


def test_without_the_permission_to_list_endpoints_a_sufficient_quota_is_a_warning() -> None:
    def denied(_: str) -> None:
        raise client_error("AccessDeniedException")

    clients: Any = SimpleNamespace(
        quotas=Quotas([[quota_item(INSTANCE_TYPE, QUOTA_CODE, 4)]], []), sagemaker=SimpleNamespace(get_paginator=denied)
    )
    check = check_quota(clients, fleet(), INSTANCE_TYPE, REGION)
    assert check.status is WARNING
    assert "what other endpoints use is unknown" in check.message
