import pytest

from stacks.settings.data import DataSettings
from tests.stacks.settings.checks import check_choices, check_range, check_switch, rejection


def test_data_is_kept_or_deleted_with_its_stack() -> None:
    check_choices(DataSettings, "removal_policy", "destroy", "retain")


def test_access_logs_are_on_or_off() -> None:
    check_switch(DataSettings, "access_logs")


@pytest.mark.parametrize("name", ["input_expiration_days", "output_expiration_days"])
def test_objects_are_kept_from_a_day_to_ten_years(name: str) -> None:
    check_range(DataSettings, name, low=1, high=3650)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (["bucket"], 'of item 1, "bucket", it must be the location of objects in S3, such as s3://bucket/prefix/'),
        (["s3://bucket/", "s3://bucket/*"], 'of item 2, "s3://bucket/*", it must be the location of objects in S3, '),
        (["s3://a"], 'of item 1, "s3://a", it must be the location'),
        (["s3://bucket/\n"], r'of item 1, "s3://bucket/\n", it must be the location'),
        (["s3://bucket/"] * 2, '"s3://bucket/" is in it twice: take one out'),
        ([f"s3://bucket-{number}/" for number in range(21)], "it must be a list of at most 20, none of them twice"),
        ("s3://bucket/", "it must be a list of at most 20, none of them twice"),
    ],
)
def test_further_locations_are_a_list_of_places_in_s3(wrong: object, problem: str) -> None:
    message = rejection(DataSettings, further_input_locations=wrong)
    assert message.startswith("data.further_input_locations is ")
    assert f"; {problem}" in message
    assert "\n" not in message


def test_further_locations_keep_their_order() -> None:
    places = ["s3://bucket/b/", "s3://bucket/a/", "s3://bucket"]
    assert DataSettings.from_table({"further_input_locations": places}).further_input_locations == tuple(places)
