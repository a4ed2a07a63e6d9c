"""A request of botocore's for an operation is recognised as that operation, for every operation of the services."""

import itertools
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from async_endpoint.emulator.faults.fault_responses import SERVICES
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.faults.operations import nearest, operation_names, s3_operations
from async_endpoint.emulator.service_models import operations
from tests.emulator.conftest import Running
from tests.emulator.fakes import REGION


class Sent(Exception):
    """Ends a call before its request is sent."""


PLAIN: dict[str, Any] = {"boolean": True, "timestamp": "2026-01-01T00:00:00Z", "blob": b"x"} | dict.fromkeys(
    ("integer", "long", "float", "double"), 1
)


def example(shape: Shape | None) -> Any:
    """The least that botocore sends for a shape."""
    if isinstance(shape, StructureShape):
        names = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {name: example(shape.members[name]) for name in names}
    if isinstance(shape, ListShape):
        return [example(shape.member)]
    if isinstance(shape, MapShape):
        return {"name": example(shape.value)}
    if isinstance(shape, StringShape):
        return shape.enum[0] if shape.enum else "x" * max(1, int(shape.metadata.get("min", 1)))
    return {} if shape is None else PLAIN[shape.type_name]


def arguments(service: str, model: OperationModel) -> dict[str, Any]:
    found: dict[str, Any] = example(model.input_shape)
    if service == "s3":
        found |= {name: value for name, value in (("Bucket", "faulty"), ("Key", "a/b")) if name in found}
    found |= {"QueueUrl": "http://localhost/000000000000/none"} if "QueueUrl" in found else {}
    return found


def call(client: Any, service: str, model: OperationModel) -> None:
    client._make_api_call(model.name, arguments(service, model))


def s3_models() -> list[OperationModel]:
    return [model for model in operations("s3") if model.name in operation_names("s3")]


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_every_operation_of_s3_is_told_apart_by_its_request(style: Any) -> None:
    config = Config(s3={"addressing_style": style}, retries={"total_max_attempts": 1})
    s3 = boto3.client(
        "s3",
        endpoint_url="http://localhost:1",
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106 - nothing is sent
        config=config,
    )
    sent: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(request)
        raise Sent

    s3.meta.events.register("before-send.s3", keep)
    mistaken = {}
    for model in s3_models():
        with pytest.raises(Sent):
            call(s3, "s3", model)
        path, _, query = sent[-1].url.split("/", 3)[3].partition("?")
        first, _, rest = path.partition("/")
        is_virtual = sent[-1].url.startswith("http://faulty.")
        bucket, key = ("faulty", path) if is_virtual else (first, rest)
        headers = [name.lower() for name in sent[-1].headers]
        found = s3_operations(sent[-1].method, bucket, key, query, headers)
        if model.name not in found:
            mistaken[model.name] = found
    assert mistaken == {}


def test_only_older_names_of_one_operation_are_the_same() -> None:
    found = {s3_operations("GET", "b", "", query, []) for query in ("lifecycle", "notification", "versions", "")}
    assert found == {
        frozenset({"GetBucketLifecycle", "GetBucketLifecycleConfiguration"}),
        frozenset({"GetBucketNotification", "GetBucketNotificationConfiguration"}),
        frozenset({"ListObjectVersions"}),
        frozenset({"ListObjects"}),
    }
    assert s3_operations("GET", "", "", "", []) == {"ListBuckets"}
    assert s3_operations("OPTIONS", "b", "k", "", []) == frozenset()


@pytest.mark.parametrize("service", SERVICES)
def test_a_fault_on_an_operation_strikes_it_and_no_other(running: Running, faults: FaultClient, service: str) -> None:
    """Sends every operation of the service with a fault on it, and then with a fault on another one."""
    models = s3_models() if service == "s3" else operations(service)
    client = running.client(service)
    running.client("s3").create_bucket(Bucket="faulty")
    struck, aliases = {}, _aliases()
    for model, other in zip(models, itertools.islice(itertools.cycle(models), 1, None), strict=False):
        faults.clear()
        faults.add("error", service=service, operation=model.name)
        if other.name not in aliases.get(model.name, set()):
            faults.add("throttle", service=service, operation=other.name)
        try:
            call(client, service, model)
        except Exception as error:  # noqa: BLE001 - whatever it says: what counts is what was struck
            del error
        struck[model.name] = [fault["struck"] for fault in faults.describe()["faults"]][:2]
    assert {name: found for name, found in struck.items() if found not in ([1, 0], [1])} == {}


def _aliases() -> dict[str, set[str]]:
    groups = (
        {f"{verb}Bucket{what}", f"{verb}Bucket{what}Configuration"}
        for verb in ("Get", "Put")
        for what in ("Lifecycle", "Notification")
    )
    return {name: group for group in groups for name in group}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("putobject", " Did you mean PutObject?"),
        ("ListObjects2", " Did you mean ListObjectsV2?"),
        ("GetObjekt", " Did you mean GetObject?"),
        ("zzz", ""),
    ],
)
def test_the_nearest_name_is_suggested(name: str, hint: str) -> None:
    assert nearest(name, operation_names("s3")) == hint
