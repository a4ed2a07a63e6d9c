"""Everything around the watchdog, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.intake import WATCHDOG_ENVIRONMENT
from watchdog.logic import Watchdog
from watchdog.ports import ConcurrentRun, Fleet, Memory, StopRejected, Work
from watchdog.settings import Settings

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
AWAKE = Fleet(status="InService", instances=1, changed_at="2027-01-15T07:00:00.000Z", minimum=0)
ASLEEP = replace(AWAKE, instances=0)
IDLE = Work(outcomes={"COMPLETED": "2027-01-15T07:30:00.000Z"})


@dataclass
class World:
    """The endpoint, the traces of work and the topic in memory.

    Attributes:
        before_second_look: Called just before the watchdog looks for the second time in a run.
        trouble: Raised by the topic.
        rejection: Raised by SageMaker instead of stopping instances.
    """

    state: Fleet = AWAKE
    traces: Work = IDLE
    minute: int = 0
    looks: int = 0
    stopped: list[tuple[int, int]] = field(default_factory=list)
    notices: list[tuple[int, str, str]] = field(default_factory=list)
    memory: Memory | None = None
    before_second_look: Callable[["World"], None] = lambda _: None
    trouble: Exception | None = None
    rejection: StopRejected | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def fleet(self) -> Fleet:
        self.looks += 1
        if self.looks == 2:
            self.before_second_look(self)
        return self.state

    def work(self) -> Work:
        return self.traces

    def stop(self, instances: int) -> None:
        if self.rejection:
            raise self.rejection
        self.stopped.append((self.minute, instances))
        self.change(instances=instances)

    def change(self, **changes: Any) -> None:
        """Changes the endpoint's capacity, which changes its LastModifiedTime."""
        self.state = replace(self.state, changed_at=f"changed at {self.minute:05}", **changes)

    def get(self) -> Memory | None:
        return self.memory

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        if self.memory != after:
            raise ConcurrentRun("another run has written")
        self.memory = memory

    def publish(self, subject: str, message: str) -> None:
        if self.trouble:
            raise self.trouble
        self.notices.append((self.minute, subject, message))

    def look(self) -> str:
        """Runs the schedule once, now."""
        self.looks = 0
        watchdog = Watchdog(
            endpoint=self,
            traces=self,
            memories=self,
            topic=self,
            settings=Settings.from_environment({**WATCHDOG_ENVIRONMENT, **self.settings}),
        )
        return watchdog.run(START + timedelta(minutes=self.minute))

    def watch(self, minutes: int) -> str:
        """Runs the schedule for this long; returns the sentences of the last run."""
        said = ""
        for _ in range(minutes // 5):
            self.minute += 5
            said = self.look()
        return said


def watched(**changes: Any) -> World:
    """Returns a world with one look, at minute 0."""
    world = World(**changes)
    world.look()
    return world
