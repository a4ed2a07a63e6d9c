"""The settings of the alarms: who is told, and from what on."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.settings.base import Section
from stacks.settings.fields import Text, WholeNumber


@dataclass(frozen=True, kw_only=True)
class AlarmSettings(Section):
    """Thresholds of the alarms that people get, and their address."""

    table: ClassVar[str] = "alarms"

    email: Annotated[str, Text(r"[^@\s]+@[^@\s]+\.[^@\s.]+", "an e-mail address, as team@example.com")] | None = None
    stuck_minutes: Annotated[
        int, WholeNumber(3, 1400, "requests wait and no instance comes; longer than a cold start takes")
    ] = 20
    oldest_request_seconds: Annotated[int, WholeNumber(60, 21_600, "age of the request that waits longest")] = 3600
    failures: Annotated[int, WholeNumber(1, 100_000, "failed requests in five minutes")] = 5
    idle_minutes: Annotated[int, WholeNumber(5, 1400, "instances run, beyond those kept warm, and have no work")] = 90
    queue_age_seconds: Annotated[int, WholeNumber(60, 604_800, "age of the oldest message that no function took")] = 900
