"""The settings of the watchdog."""

import pytest

from shared.settings import SettingsError
from tests.support.intake import WATCHDOG_ENVIRONMENT as ENVIRONMENT
from watchdog.settings import Settings


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IDLE_MINUTES", "4", "IDLE_MINUTES is '4': it takes a whole number from 5 to 1400"),
        ("HARD_STOP", "yes", "HARD_STOP is 'yes': it takes true or false"),
        ("MEMORY_KEY", "k" * 64, "which may be the id of a job: it takes more than 64 characters"),
    ],
)
def test_a_variable_out_of_its_range_is_named_with_the_range(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environment({**ENVIRONMENT, name: value})
