"""The settings of the notify function."""

import pytest

from notify.settings import Settings
from shared.settings import SettingsError


def test_an_absent_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="The environment variable ENDPOINT_NAME is not set"):
        Settings.from_environment({})
