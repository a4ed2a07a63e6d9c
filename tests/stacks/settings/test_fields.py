import pytest
from pydantic import TypeAdapter, ValidationError

from stacks.settings.fields import LogRetentionDays, as_written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (3, "3"),
        (4.0, "4.0"),
        ("dev", '"dev"'),
        ('say "hi"\n', r'"say \"hi\"\n"'),
        ("Köln", '"Köln"'),
        (["a", 1], '["a", 1]'),
        ((), "[]"),
        ({"a": "b", "c": [False]}, '{ a = "b", c = [false] }'),
        ({}, "{}"),
    ],
)
def test_values_are_written_as_toml_does_on_one_line(value: object, written: str) -> None:
    assert as_written(value) == written


@pytest.mark.parametrize("wrong", [0, 31, True, 1.0, "30"])
def test_logs_are_kept_for_a_period_of_cloudwatch_logs(wrong: object) -> None:
    days: TypeAdapter[int] = TypeAdapter(LogRetentionDays)
    assert [days.validate_python(accepted) for accepted in (1, 30, 3653)] == [1, 30, 3653]
    with pytest.raises(ValidationError):
        days.validate_python(wrong)
