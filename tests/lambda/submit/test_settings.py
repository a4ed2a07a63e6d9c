"""The settings of the submit function."""

import pytest

from shared.settings import SettingsError
from submit.settings import Settings
from tests.support.intake import SUBMIT_ENVIRONMENT

OF_OTHERS = {"INTAKE_QUEUE_URL", "MAX_SUBMISSIONS", "RETRY_DELAY_SECONDS", "URGENT_PREFIX"}


@pytest.mark.parametrize("name", sorted(set(SUBMIT_ENVIRONMENT) - OF_OTHERS))
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in SUBMIT_ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("REQUEST_TTL_SECONDS", "59", "60 to 21600"),
        ("INVOCATION_TIMEOUT_SECONDS", "3601", "1 to 3600"),
        ("CLAIM_SECONDS", "0", "1 to 43200"),
        ("JOB_RETENTION_DAYS", "a month", "1 to 3650"),
    ],
)
def test_a_variable_out_of_its_range_is_named_with_the_range(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}': it takes a whole number from {allowed}"):
        Settings.from_environment({**SUBMIT_ENVIRONMENT, name: value})
