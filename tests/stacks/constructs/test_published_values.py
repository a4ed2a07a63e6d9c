import aws_cdk as cdk
import pytest

from stacks.constructs.published_values import KEY, OUTPUT_BUCKET, PublishedValues


def test_a_value_that_is_not_published_is_none_or_an_error() -> None:
    published = PublishedValues(cdk.Stack(), "Published", stage="dev", values={OUTPUT_BUCKET: "results-1"})
    reader = cdk.Stack()
    assert published.find(reader, OUTPUT_BUCKET) == published.read(reader, OUTPUT_BUCKET)
    assert published.find(reader, KEY) is None
    with pytest.raises(ValueError, match="key is not published; published are output-bucket"):
        published.read(reader, KEY)
