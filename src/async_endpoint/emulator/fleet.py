"""The instances of one deployed variant: as many as asked for, each a container that consumes the request queue."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

_RELAUNCH_SECONDS = 5.0  # between tries to replace an instance that does not come up; the wall's clock

logger = logging.getLogger(__name__)


class Container(Protocol):
    """What a fleet needs of an instance's container; `containers.instance.ContainerInstance` is one."""

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""

    def start(self) -> None:
        """Begin to start; returns at once."""

    def wait_ready(self, timeout: float) -> None:
        """Return when the model answers; raise with the reason when it never will."""

    def stop(self) -> None:
        """End every process of it."""


class Consumer(Protocol):
    """What takes requests from the queue for one container."""

    def stop(self) -> None:
        """Take no further request."""


class LaunchFailed(Exception):  # noqa: N818 - reads as what happened
    """An instance did not come up; the message says why."""


class _Member:
    def __init__(self, container: Container) -> None:
        self.container = container
        self.consumer: Consumer | None = None
        self.dismissed = False


class Fleet:
    """Keeps the number of instances at the desired count; thread-safe.

    An instance that dies is replaced. While the first ones come up (`wait_until_settled`) a failed launch is final,
    because a deployment must report it; later ones are tried again.

    Args:
        launch: Makes a container, not yet started.
        consume: Starts consuming for a container that is ready.
        startup_timeout: Seconds that a container may take to answer.
    """

    def __init__(
        self, launch: Callable[[], Container], consume: Callable[[Container], Consumer], *, startup_timeout: float
    ) -> None:
        self._launch = launch
        self._consume = consume
        self._startup_timeout = startup_timeout
        self._members: list[_Member] = []
        self._leaving = 0
        self._desired = 0
        self._failure: str | None = None
        self._retry = False
        self._changed = threading.Condition()

    @property
    def desired(self) -> int:
        """The number of instances asked for."""
        return self._desired

    @property
    def running(self) -> int:
        """The number of instances whose model answers."""
        with self._changed:
            return sum(member.consumer is not None for member in self._members)

    def resize(self, count: int) -> None:
        """Ask for `count` instances; returns at once."""
        with self._changed:
            self._desired = count
            self._failure = None
            surplus = self._members[count:]  # the newest go first: the oldest have warm caches
            self._members = self._members[:count]
            for member in surplus:
                self._forget(member)
            self._fill()
            self._changed.notify_all()
        for member in surplus:
            threading.Thread(target=self._dismiss, args=(member,), name="instance-stop", daemon=True).start()

    def wait_until_settled(self, timeout: float) -> None:
        """Wait until as many instances run as are desired and those dismissed are gone.

        Raises:
            LaunchFailed: An instance failed to start, or `timeout` seconds were not enough.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._failure is None and not self._is_settled():
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise LaunchFailed(f"{self._desired} instance(s) were not ready within {timeout:.0f} s")
            if self._failure is not None:
                raise LaunchFailed(self._failure)
            self._retry = True

    def replace_dead(self) -> int:
        """Launch anew what died by itself; returns how many were found dead."""
        with self._changed:
            dead = [m for m in self._members if m.consumer is not None and not m.container.alive]
            for member in dead:
                self._forget(member)
                self._members.remove(member)
            self._fill()
        for member in dead:
            logger.warning("an instance died and is replaced")
            self._dismiss(member)
        return len(dead)

    def stop(self) -> None:
        """End every instance; returns when all are gone."""
        with self._changed:
            self._desired = 0
            members, self._members = self._members, []
            for member in members:
                self._forget(member)
            self._changed.notify_all()
        threads = [threading.Thread(target=self._dismiss, args=(member,), daemon=True) for member in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _is_settled(self) -> bool:
        """Whether nothing is on its way up or down; the caller holds the lock."""
        started = all(member.consumer is not None for member in self._members)
        return len(self._members) == self._desired and started and not self._leaving

    def _forget(self, member: _Member) -> None:
        """Mark a member for `_dismiss`; the caller holds the lock."""
        member.dismissed = True
        self._leaving += 1

    def _fill(self) -> None:
        """Launch what is missing; the caller holds the lock."""
        while len(self._members) < self._desired:
            member = _Member(self._launch())
            self._members.append(member)
            threading.Thread(target=self._bring_up, args=(member,), name="instance-start", daemon=True).start()

    def _bring_up(self, member: _Member) -> None:
        try:
            member.container.start()
            member.container.wait_ready(self._startup_timeout)
        except Exception as error:  # noqa: BLE001 - whatever stopped it is the reason that the endpoint reports
            self._launch_failed(member, str(error) or type(error).__name__)
            return
        with self._changed:
            if not member.dismissed:
                member.consumer = self._consume(member.container)
                self._changed.notify_all()
                return
        member.container.stop()

    def _launch_failed(self, member: _Member, reason: str) -> None:
        member.container.stop()
        with self._changed:
            if member.dismissed:
                return
            self._members.remove(member)
            retry = self._retry
            if not retry:
                self._failure = reason
            self._changed.notify_all()
        if retry:
            logger.warning("an instance did not start and is tried again: %s", reason)
            time.sleep(_RELAUNCH_SECONDS)
            with self._changed:
                self._fill()

    def _dismiss(self, member: _Member) -> None:
        if member.consumer is not None:
            member.consumer.stop()
        member.container.stop()
        with self._changed:
            self._leaving -= 1
            self._changed.notify_all()
