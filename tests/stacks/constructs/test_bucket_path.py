import aws_cdk as cdk
import pytest

from stacks.constructs.bucket_path import BucketPath


@pytest.mark.parametrize(
    ("url", "without_slash", "objects"),
    [
        ("s3://scans-1", "s3://scans-1", "scans-1/*"),
        ("s3://scans-1/", "s3://scans-1", "scans-1/*"),
        ("s3://scans-1/inbox", "s3://scans-1/inbox", "scans-1/inbox/*"),
        ("s3://scans-1/inbox/", "s3://scans-1/inbox", "scans-1/inbox/*"),
    ],
)
def test_a_slash_at_the_end_of_a_prefix_makes_no_difference(url: str, without_slash: str, objects: str) -> None:
    path = BucketPath.from_url(cdk.Stack(), url)
    assert path.url == without_slash
    assert path.objects_arn.endswith(f":s3:::{objects}")
