import pytest

from async_endpoint.operations.diff.templates import readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("plain", "plain"),
        ({"Ref": "In"}, "{In}"),
        ({"Fn::GetAtt": ["In", "Arn"]}, "{In.Arn}"),
        ({"Fn::Join": ["/", ["s3:", {"Ref": "In"}]]}, "s3:/{In}"),
        ({"Fn::Sub": "${AWS::Region}"}, "${AWS::Region}"),
        ({"Fn::GetStackOutput": {"OutputName": "PublishOutputTopic"}}, "{Topic}"),
        ({"b": 1, "a": 2}, '{"a": 2, "b": 1}'),
    ],
)
def test_a_value_is_readable(value: object, text: str) -> None:
    assert readable(value) == text
