"""The settings of the notify function."""

import pytest

from notify.settings import Settings
from shared.settings import SettingsError

ENVIRONMENT = {"JOBS_TABLE": "jobs", "ENDPOINT_NAME": "receipts"}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_a_webhook_is_optional_and_has_a_secret() -> None:
    assert Settings.from_environment(ENVIRONMENT).webhook_secret is None
    name = "receipts/webhook"
    assert Settings.from_environment({**ENVIRONMENT, "WEBHOOK_SECRET": name}).webhook_secret == name
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET is not set"):
        Settings.from_environment({**ENVIRONMENT, "WEBHOOK_SECRET": ""})


def test_documents_are_tagged_on_request() -> None:
    assert Settings.from_environment(ENVIRONMENT).tagged_bucket is None
    assert Settings.from_environment({**ENVIRONMENT, "TAGGED_BUCKET": "inputs"}).tagged_bucket == "inputs"
