import pytest

from stacks.settings.output import OutputSettings
from tests.stacks.settings.checks import check_text


@pytest.mark.parametrize("name", ["path", "failure_path"])
def test_a_path_is_the_stages_own_none_or_a_place_in_s3(name: str) -> None:
    for accepted in ("own", "none", "s3://bucket/prefix/"):
        assert getattr(OutputSettings.from_table({name: accepted}), name) == accepted
    allowed = (
        '"own" (the stage\'s output bucket), "none", or the location of objects in S3, such as s3://bucket/prefix/'
    )
    check_text(OutputSettings, name, "s3:/bucket", "nowhere", "owns3://bucket/", allowed=allowed)
