"""The instances of other endpoints are counted by type; where a count is missing, the number is unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from async_endpoint.operations.preflight.usage import used_by_others
from tests.operations.preflight.fakes import INSTANCE_TYPE, OTHER_TYPE, SageMaker, client_error

OF_THE_TYPE, OF_ANOTHER = {"InstanceType": INSTANCE_TYPE}, {"InstanceType": OTHER_TYPE}


def pools(*types: str) -> dict[str, Any]:
    return {"InstancePools": [{"InstanceType": kind, "Priority": place} for place, kind in enumerate(types, 1)]}


def running(count: int, **of_types: int) -> dict[str, Any]:
    """A variant's summary; with the instances of each pool where they are given, by the type without its dots."""
    kinds = {kind.replace(".", ""): kind for kind in (INSTANCE_TYPE, OTHER_TYPE)}
    summary: dict[str, Any] = {"CurrentInstanceCount": count}
    if of_types:
        summary["InstancePools"] = [
            {"InstanceType": kinds[name], "CurrentInstanceCount": n} for name, n in of_types.items()
        ]
    return summary


def used(sagemaker: Any, **options: float) -> int | None:
    clients: Any = SimpleNamespace(sagemaker=sagemaker)
    return used_by_others(clients, INSTANCE_TYPE, "own", **options)


def test_only_other_endpoints_with_the_type_count() -> None:
    sagemaker = SageMaker(own=[(running(3), OF_THE_TYPE)], a=[(running(3), OF_THE_TYPE)], b=[(running(3), OF_ANOTHER)])
    assert used(sagemaker) == 3


def test_every_page_of_endpoints_counts() -> None:
    sagemaker = SageMaker(**{f"e{number}": [(running(1), OF_THE_TYPE)] for number in range(45)})
    assert used(sagemaker) == 45
    assert sagemaker.pages_read == 45


@pytest.mark.parametrize(
    ("summary", "config", "count"),
    [
        (running(5, mlg4dnxlarge=2, mlm5dxlarge=3), pools(INSTANCE_TYPE, OTHER_TYPE), 2),
        (running(5), pools(INSTANCE_TYPE), 5),
        (running(5), pools(OTHER_TYPE, "ml.m5.xlarge"), 0),
        (running(0), pools(INSTANCE_TYPE, OTHER_TYPE), 0),
        (running(5), pools(INSTANCE_TYPE, OTHER_TYPE), None),
    ],
)
def test_of_instance_pools_those_of_the_type_count(
    summary: dict[str, Any], config: dict[str, Any], count: int | None
) -> None:
    assert used(SageMaker(a=[(summary, config)])) == count


def test_an_endpoint_deleted_since_the_listing_uses_nothing() -> None:
    sagemaker = SageMaker(a=[(running(3), OF_THE_TYPE)], b=[(running(2), OF_THE_TYPE)])
    sagemaker.gone = {"a"}
    assert used(sagemaker) == 2


def test_endpoints_not_described_in_time_make_the_number_unknown() -> None:
    assert used(SageMaker(a=[(running(0), OF_THE_TYPE)]), seconds=-1) is None


def test_without_the_permission_to_list_endpoints_the_number_is_unknown() -> None:
    def denied(_: str) -> None:
        raise client_error("AccessDeniedException")

    assert used(SimpleNamespace(get_paginator=denied)) is None
