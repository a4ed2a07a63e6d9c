"""The settings of the record function."""

import pytest

from record.settings import Settings
from shared.settings import SettingsError

ENVIRONMENT = {
    "JOBS_TABLE": "jobs",
    "JOB_RETENTION_DAYS": "30",
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "MAX_SUBMISSIONS": "3",
    "RETRY_DELAY_SECONDS": "30",
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_a_variable_out_of_its_range_is_named_with_the_range() -> None:
    with pytest.raises(SettingsError, match="JOB_RETENTION_DAYS is '0': it takes a whole number from 1 to 3650"):
        Settings.from_environment({**ENVIRONMENT, "JOB_RETENTION_DAYS": "0"})
