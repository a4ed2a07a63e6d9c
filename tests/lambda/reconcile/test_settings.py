"""The settings of the reconcile function."""

import pytest

from reconcile.settings import Settings
from shared.settings import SettingsError
from tests.support.intake import RECONCILE_ENVIRONMENT


@pytest.mark.parametrize("name", RECONCILE_ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in RECONCILE_ENVIRONMENT.items() if key != name})


def test_a_request_takes_its_time_in_the_queue_and_in_the_model() -> None:
    assert Settings.from_environment(RECONCILE_ENVIRONMENT).request_seconds == 3_660
