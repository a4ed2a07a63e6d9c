import pytest

from stacks.settings.alarms import AlarmSettings
from tests.stacks.settings.checks import check_range, check_text, rejection


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("stuck_minutes", 3, 1400),
        ("oldest_request_seconds", 60, 21_600),
        ("failures", 1, 100_000),
        ("idle_minutes", 5, 1400),
        ("queue_age_seconds", 60, 604_800),
    ],
)
def test_every_threshold_has_a_range(name: str, low: int, high: int) -> None:
    check_range(AlarmSettings, name, low=low, high=high)


def test_an_address_has_a_name_and_a_domain() -> None:
    allowed = "an e-mail address, such as team@example.com"
    check_text(AlarmSettings, "email", "team", "team@example", "a team@example.com", "@example.com", allowed=allowed)
    assert AlarmSettings.from_table({"email": "team@example.com"}).email == "team@example.com"


def test_a_runbook_is_a_section_of_a_page_or_else_of_the_file() -> None:
    page = "https://example.com/docs/operations.md"
    allowed = "the address of a page without an anchor, such as https://example.com/docs/operations.md"
    check_text(
        AlarmSettings, "runbook_url", "docs/operations.md", f"{page}#requests-fail", "ftp://a/b", allowed=allowed
    )
    assert AlarmSettings.from_table({"runbook_url": page}).runbook("requests-fail") == f"{page}#requests-fail"
    assert AlarmSettings.from_table({}).runbook("requests-fail").startswith("docs/operations.md#requests-fail in ")


def test_a_message_says_what_the_number_governs() -> None:
    assert rejection(AlarmSettings, failures=0) == (
        "alarms.failures is 0; it must be a whole number from 1 to 100000 (failed requests in five minutes)."
    )
