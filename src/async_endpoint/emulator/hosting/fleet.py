"""The instances of one deployed variant: as many as asked for, each a container that consumes the request queue."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

# SageMaker's own: it kills a container this long after it asked it to end.
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
_DRAIN_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Container(Protocol):
    """What a fleet needs of an instance's container; `instances.EmulatedInstance` is one."""

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""

    def start(self) -> None:
        """Begin to start; may take as long as fetching and unpacking the model."""

    def wait_ready(self, timeout: float) -> None:
        """Return when the model answers; raise with the reason when it never will."""

    def drain(self, seconds: float) -> None:
        """Take no further request; return when those that it has have ended, or after so many seconds."""

    def stop(self) -> None:
        """End every process of it, also while it starts; a second call does nothing."""


class Consumer(Protocol):
    """What takes requests from the queue for one container."""

    @property
    def lost(self) -> bool:
        """Whether it found its container no longer answering, though the process may run on."""

    def stop(self) -> None:
        """Take no further request."""

    def join(self) -> None:
        """Return when it holds no request any more; called after `stop` and after the container's end."""


class InstanceUnavailable(Exception):
    """What an instance needs is not to be had: a machine, the image, the archive. The message is the whole reason."""


class LaunchFailed(Exception):
    """An instance did not come up; the message says why."""


C = TypeVar("C", bound=Container)


@dataclass(frozen=True)
class MemberState(Generic[C]):
    """One instance as it is at a moment.

    Attributes:
        container: Its container.
        in_service: Whether its model answers; else it starts.
        since: Since when that is so, in seconds of the monotonic clock.
    """

    container: C
    in_service: bool
    since: float


class FleetMember(Generic[C]):
    """One instance of a fleet, and how far it has come."""

    def __init__(self, container: C) -> None:
        self.container = container
        self.consumer: Consumer | None = None
        self.dismissed = False
        self.since = time.monotonic()


class Fleet(Generic[C]):
    """Keeps the number of instances at the desired count; thread-safe.

    An instance that dies is replaced. While the first ones come up (`wait_until_settled`) a failed launch is final,
    because a deployment must report it; later ones are tried again.

    Args:
        launch: Makes a container, not yet started.
        consume: Starts consuming for a container that is ready.
        startup_timeout: Seconds that a container may take to answer; the wall's, like all here.
        relaunch_seconds: Pause between two tries to launch an instance that does not come up.
    """

    def __init__(
        self,
        launch: Callable[[], C],
        consume: Callable[[C], Consumer],
        *,
        startup_timeout: float,
        relaunch_seconds: float = 5.0,
    ) -> None:
        self._launch = launch
        self._consume = consume
        self._startup_timeout = startup_timeout
        self._relaunch_seconds = relaunch_seconds
        self._members: list[FleetMember[C]] = []
        self._leaving = 0
        self._desired = 0
        self._failure: Exception | None = None  # of the last launch since the count was set
        self._retry = False
        self._coming_back = False
        self._closed = False
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

    @property
    def containers(self) -> tuple[C, ...]:
        """The containers of the instances whose model answers."""
        with self._changed:
            return tuple(member.container for member in self._members if member.consumer is not None)

    @property
    def members(self) -> tuple[MemberState[C], ...]:
        """Every instance that starts or is in service, oldest first."""
        with self._changed:
            return tuple(MemberState(each.container, each.consumer is not None, each.since) for each in self._members)

    @property
    def leaving(self) -> int:
        """The number of instances that were taken out and are not gone yet."""
        return self._leaving

    def resize(self, count: int) -> None:
        """Ask for `count` instances; returns at once, and does nothing after `stop`.

        Of those that go, running requests may end first; what does not end in time goes back to the queue.
        """
        with self._changed:
            if self._closed:
                return
            self._desired = count
            self._failure = None
            surplus = self._remove(self._members[count:])  # the newest go first: the oldest have warm caches
            self._fill()
        self._dismiss_in_background(surplus, drain=True)

    def resume(self, count: int) -> None:
        """Have `count` instances again as an earlier life had them; one that does not come up is tried again."""
        self._retry = self._coming_back = True
        self.resize(count)

    @property
    def is_coming_back(self) -> bool:
        """Whether the instances of an earlier life are still on their way, and none has failed to start."""
        with self._changed:
            self._coming_back = self._coming_back and self._failure is None and not self._is_settled()
            return self._coming_back

    @property
    def failure(self) -> str | None:
        """Why the last launch that failed since the count was set did; None if none did."""
        with self._changed:
            return None if self._failure is None else str(self._failure)

    def wait_until_settled(self, timeout: float = math.inf) -> None:
        """Wait until as many instances run as are desired and those dismissed are gone.

        Each launch ends by itself, one way or the other, so that this does, too.

        Raises:
            LaunchFailed: An instance failed to start since the count was set, and the others, but for the first ones,
                have come up; or the fleet was stopped, or `timeout` seconds were not enough.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._is_settled():
                if self._closed:
                    raise LaunchFailed("The instances were stopped before they were ready.")
                if self._failure is not None and (not self._retry or self._is_in_service()):
                    raise LaunchFailed(str(self._failure)) from self._failure
                left = deadline - time.monotonic()
                if not self._changed.wait(None if math.isinf(left) else max(0.0, left)) and left <= 0:
                    raise LaunchFailed(f"{self._desired} instance(s) were not ready within {timeout:g} s")
            self._retry = True

    def replace_dead(self) -> int:
        """Launch anew what died by itself or answers no more; returns how many those were."""
        with self._changed:
            dead = self._remove([member for member in self._members if _is_lost(member)])
            if dead:
                self._fill()
        for _ in dead:
            logger.warning("an instance died and is replaced")
        self._dismiss_in_background(dead, drain=False)
        return len(dead)

    def stop(self, *, drain: bool = False) -> None:
        """End every instance for good; returns when all are gone and their requests are back in the queue.

        Args:
            drain: Let running requests end first.
        """
        with self._changed:
            self._closed = True
            self._desired = 0
            members = self._remove(self._members)
        self._dismiss_in_background(members, drain=drain)
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving)

    def _is_settled(self) -> bool:
        """Whether nothing is on its way up or down; the caller holds the lock."""
        return not self._closed and len(self._members) == self._desired and self._is_in_service() and not self._leaving

    def _is_in_service(self) -> bool:
        """Whether every instance that there is has come up; the caller holds the lock."""
        return all(member.consumer is not None for member in self._members)

    def _remove(self, members: Iterable[FleetMember[C]]) -> list[FleetMember[C]]:
        """Take members out, to be dismissed; the caller holds the lock."""
        gone = list(members)
        for member in gone:
            member.dismissed = True
            self._leaving += 1
            self._members.remove(member)
        self._changed.notify_all()
        return gone

    def _fill(self) -> None:
        """Launch what is missing; the caller holds the lock."""
        while len(self._members) < self._desired:
            member = FleetMember(self._launch())
            self._members.append(member)
            threading.Thread(target=self._bring_up, args=(member,), name="instance-start", daemon=True).start()

    def _bring_up(self, member: FleetMember[C]) -> None:
        try:
            member.container.start()
            member.container.wait_ready(self._startup_timeout)
            with self._changed:
                if not member.dismissed:
                    member.consumer = self._consume(member.container)
                    member.since = time.monotonic()
                    self._changed.notify_all()
                    return
        except Exception as error:  # noqa: BLE001 - whatever stopped it is the reason that the endpoint reports
            self._launch_failed(member, error)
            return
        _end(member.container)

    def _launch_failed(self, member: FleetMember[C], reason: Exception) -> None:
        _end(member.container)
        with self._changed:
            if member.dismissed:
                return
            self._members.remove(member)
            self._failure = reason if str(reason) else LaunchFailed(type(reason).__name__)
            self._changed.notify_all()
            if not self._retry:
                return
        logger.warning("an instance did not start and is tried again: %s", reason)
        time.sleep(self._relaunch_seconds)
        with self._changed:
            self._fill()

    def _dismiss_in_background(self, members: Iterable[FleetMember[C]], *, drain: bool) -> None:
        for member in members:
            threading.Thread(target=self._dismiss, args=(member, drain), name="instance-stop", daemon=True).start()

    def _dismiss(self, member: FleetMember[C], drain: bool) -> None:  # noqa: FBT001 - a thread's arguments have no names
        try:
            if member.consumer is not None:
                member.consumer.stop()
                if drain:
                    member.container.drain(_DRAIN_SECONDS)
            _end(member.container)
            if member.consumer is not None:
                member.consumer.join()
        finally:
            with self._changed:
                self._leaving -= 1
                self._changed.notify_all()


def _is_lost(member: FleetMember[C]) -> bool:
    return member.consumer is not None and (member.consumer.lost or not member.container.alive)


def _end(container: Container) -> None:
    """Stop a container; that it resists is worth a line in the log, and no reason to keep the fleet waiting."""
    try:
        container.stop()
    except Exception:
        logger.exception("an instance could not be stopped")
