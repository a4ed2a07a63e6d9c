"""The settings of the alarms."""

from typing import Annotated, ClassVar

from pydantic import Field

from stacks.settings.base import Section
from stacks.settings.fields import advice, matching

_PAGE = "docs/operations.md"
EmailAddress = Annotated[str, matching(r"[^@\s]+@[^@\s]+\.[^@\s.]+", "an e-mail address, such as team@example.com")]
PageUrl = Annotated[
    str,
    Field(max_length=400),
    matching(
        r"https?://[^\s#]+", "the address of a page without an anchor, such as https://example.com/docs/operations.md"
    ),
]


class AlarmSettings(Section):
    """Thresholds of the alarms, and the address that they notify."""

    table: ClassVar[str] = "alarms"

    email: EmailAddress | None = Field(
        None, description="Receives every alarm, once it has confirmed the subscription message of SNS."
    )
    runbook_url: PageUrl | None = Field(
        None,
        description="Where your operators read docs/operations.md, such as its page at your repository's host. Each "
        "alarm's description, and the watchdog's notification, then has a link to its runbook; without it they name "
        "the file and the section.",
    )
    stuck_minutes: int = Field(
        20,
        ge=3,
        le=1400,
        json_schema_extra=advice("requests wait and no instance starts; longer than a cold start takes"),
        description="Alarm when requests have waited this long and no instance has started. "
        "Must be longer than a cold start takes.",
    )
    oldest_request_seconds: int = Field(
        3600,
        ge=60,
        le=21_600,
        json_schema_extra=advice("age of the request that waits longest"),
        description="Alarm when a request has waited this long.",
    )
    failures: int = Field(
        5,
        ge=1,
        le=100_000,
        json_schema_extra=advice("failed requests in five minutes"),
        description="Alarm at this many failed requests in five minutes.",
    )
    idle_minutes: int = Field(
        90,
        ge=5,
        le=1400,
        json_schema_extra=advice("instances run without work, beyond those kept warm"),
        description="Alarm when more instances than are kept warm have run this long without work. The alarm on "
        "metrics and the watchdog both use it. Must exceed the longest time that "
        "[`[serving]`](#serving-the-model-server-in-the-container) allows a request by more than ten minutes.",
    )
    queue_age_seconds: int = Field(
        900,
        ge=60,
        le=604_800,
        json_schema_extra=advice("age of the oldest message that no function has received"),
        description="Alarm when a message has waited this long for its function.",
    )

    def runbook(self, section: str) -> str:
        """Returns where to read a runbook: a link, or the file in the repository.

        Args:
            section: The anchor of a section of docs/operations.md.
        """
        if self.runbook_url:
            return f"{self.runbook_url}#{section}"
        return f"{_PAGE}#{section} in the repository of this stage (alarms.runbook_url makes this a link)"
