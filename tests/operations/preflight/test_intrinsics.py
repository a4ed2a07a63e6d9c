"""Template values are known if they refer to no resource."""

from __future__ import annotations

import pytest

from async_endpoint.operations.preflight.intrinsics import PseudoParameters, text_of

PSEUDO = PseudoParameters("123456789012", "eu-west-1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Bucket"}, None),
        ({"Fn::Sub": "s3://b-${AWS::AccountId}-${AWS::Region}/k"}, "s3://b-123456789012-eu-west-1/k"),
        ({"Fn::Sub": "s3://${Bucket}/k"}, None),
        ({"Fn::Join": ["/", ["s3:", "", {"Ref": "AWS::AccountId"}]]}, "s3://123456789012"),
        ({"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}]]}, None),
        ({"Fn::GetAtt": ["A", "B"]}, None),
        (None, None),
    ],
)
def test_a_value_is_known_where_it_names_no_resource(value: object, expected: str | None) -> None:
    assert text_of(value, PSEUDO) == expected
