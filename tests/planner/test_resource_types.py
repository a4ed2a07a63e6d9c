"""Every type of resource is priced, free, or named as not priced."""

import re
from pathlib import Path

from async_endpoint.planner.resource_types import BILLING, UNKNOWN, unpriced_types

SNAPSHOTS = Path(__file__).resolve().parents[1] / "stacks" / "__snapshots__"


def test_every_type_of_the_stacks_is_listed() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SNAPSHOTS.rglob("*") if path.is_file()]
    used = {kind for text in texts for kind in re.findall(r'"Type": "(AWS::[A-Za-z0-9:]+)"', text)}
    assert len(used) > 20
    assert used <= BILLING.keys()


def test_types_are_counted_missing_both_or_free() -> None:
    assert BILLING["AWS::SQS::Queue"].counted
    assert not BILLING["AWS::SQS::Queue"].is_free
    assert BILLING["AWS::S3::Bucket"].counted
    assert BILLING["AWS::S3::Bucket"].missing
    assert BILLING["AWS::IAM::Role"].is_free


def test_a_type_that_is_not_listed_is_not_priced() -> None:
    found = unpriced_types(["Custom::Thing", "AWS::IAM::Role", "AWS::EC2::VPCEndpoint", "AWS::EC2::VPCEndpoint"])
    assert found == {
        "AWS::EC2::VPCEndpoint": "hours and data of interface endpoints",
        "Custom::Thing": UNKNOWN,
    }


def test_an_endpoint_beside_the_planned_one_is_not_priced() -> None:
    one = unpriced_types(["AWS::SageMaker::Endpoint"])["AWS::SageMaker::Endpoint"]
    three = unpriced_types(["AWS::SageMaker::Endpoint"] * 3)["AWS::SageMaker::Endpoint"]
    assert three == f"2 more, and {one}"
