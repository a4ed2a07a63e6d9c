"""The List operations: filters, order and pages."""

import uuid
from datetime import timedelta

from tests.emulator.fakes import model
from tests.emulator.sagemaker.calls import ARN, Client, rejection


def test_tags_come_in_pages(sagemaker: Client, name: str) -> None:
    arn = f"{ARN}:model/{name}"
    for first in (0, 50, 100):
        tags = [{"Key": f"key-{number}", "Value": "-"} for number in range(first, first + 50)]
        sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    assert len(sagemaker.list_tags(ResourceArn=arn, MaxResults=60)["Tags"]) == 60
    pages = list(sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn))
    assert [len(page["Tags"]) for page in pages] == [100, 50]
    assert len({tag["Key"] for page in pages for tag in page["Tags"]}) == 150


def test_lists_come_in_pages_newest_first(sagemaker: Client) -> None:
    mark = uuid.uuid4().hex[:12]
    names = [f"page-{mark}-{number}" for number in (2, 0, 1)]
    for each in names:
        sagemaker.create_model(**model(each))
    pages = list(sagemaker.get_paginator("list_models").paginate(NameContains=mark, PaginationConfig={"PageSize": 2}))
    assert [[item["ModelName"] for item in page["Models"]] for page in pages] == [names[:0:-1], names[:1]]
    by_name = sagemaker.list_models(NameContains=mark, SortBy="Name", SortOrder="Ascending")["Models"]
    assert [item["ModelName"] for item in by_name] == sorted(names)
    assert by_name[0]["ModelArn"] == f"{ARN}:model/{min(names)}"


def test_lists_by_time(sagemaker: Client, failed: str) -> None:
    described = sagemaker.describe_endpoint(EndpointName=failed)
    created, modified = described["CreationTime"], described["LastModifiedTime"]
    later = timedelta(seconds=1)
    for found, times in (
        (True, {"CreationTimeAfter": created, "CreationTimeBefore": created + later}),
        (True, {"LastModifiedTimeAfter": modified, "LastModifiedTimeBefore": modified + later}),
        (False, {"CreationTimeAfter": created + later}),
        (False, {"CreationTimeBefore": created}),
        (False, {"LastModifiedTimeAfter": modified + later}),
        (False, {"LastModifiedTimeBefore": modified}),
    ):
        listed = sagemaker.list_endpoints(NameContains=failed, **times)["Endpoints"]
        assert [item["EndpointName"] for item in listed] == [failed] * found, times
    assert not sagemaker.list_models(NameContains=failed, CreationTimeBefore="2001-01-01")["Models"]
    assert sagemaker.list_endpoint_configs(NameContains=failed, CreationTimeAfter="2001-01-01")["EndpointConfigs"]


def test_an_invalid_token_is_rejected(sagemaker: Client) -> None:
    assert rejection(sagemaker.list_models, NextToken="x") == ("ValidationException", "Invalid NextToken.")


def test_endpoints_are_listed_by_status(sagemaker: Client, failed: str) -> None:
    found = sagemaker.list_endpoints(StatusEquals="Failed", NameContains=failed)["Endpoints"]
    assert [item["EndpointName"] for item in found] == [failed]
    assert sagemaker.list_endpoints(StatusEquals="InService", NameContains=failed)["Endpoints"] == []
