"""The time on AWS's clock: the wall's, or that of the local AWS, which may run faster."""

import os
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

from async_endpoint.emulator.loopback import fetch_json


@dataclass(frozen=True)
class AwsClock:
    """AWS's clock read once and counted on from there: `speed` of its seconds pass in one of the wall's."""

    started_at: float = field(default_factory=time.time)
    speed: float = 1.0
    counting: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, region: str) -> Self:
        """The clock that the environment's AWS goes by; `AWS_ENDPOINT_URL` tells a local one."""
        url = os.environ.get("AWS_ENDPOINT_URL")
        if url is None:
            return cls()
        clock = fetch_json(f"{url}/_local/overview?{urlencode({'region': region})}")["clock"]
        return cls(clock["now"], clock["speed"])

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.started_at + (time.monotonic() - self.counting) * self.speed

    def sleep(self, seconds: float) -> None:
        """Let so many of its seconds pass."""
        time.sleep(seconds / self.speed)
