"""A fleet of fake instances, whose consumers check the order in which they are stopped."""

import threading
from collections.abc import Callable

from async_endpoint.emulator.hosting.fleet import Fleet
from async_endpoint.emulator.hosting.instance import Instance
from tests.emulator.fakes import LIMIT, FakeInstance, Launches


class FakeConsumer:
    def __init__(self, instance: FakeInstance) -> None:
        self.instance = instance
        self.lost = False
        self.stopped = threading.Event()
        self.joined = threading.Event()

    def stop(self) -> None:
        assert not self.instance.stopped.is_set(), "the consumer must stop taking requests before its instance ends"
        self.stopped.set()

    def join(self) -> None:
        assert self.instance.stopped.is_set()
        self.joined.set()


class FakeFleet:
    """A fleet, its instances and their consumers."""

    def __init__(self, *prepared: FakeInstance, default: Callable[[], FakeInstance] = FakeInstance) -> None:
        self.launches = Launches(*prepared, default=default)
        self.consumers: list[FakeConsumer] = []
        self.fleet = Fleet(self.launches.launch, self._consume, startup_timeout=LIMIT, relaunch_seconds=0.05)

    def _consume(self, instance: Instance) -> FakeConsumer:
        assert isinstance(instance, FakeInstance)
        self.consumers.append(FakeConsumer(instance))
        return self.consumers[-1]


def unready() -> FakeInstance:
    return FakeInstance(ready=False)
