"""The instances of one deployed variant: as many as desired, each with a consumer of the request queue."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable

from async_endpoint.emulator.hosting.errors import LaunchFailed
from async_endpoint.emulator.hosting.fleet_member import Consumer, FleetMember
from async_endpoint.emulator.hosting.instance import Instance
from async_endpoint.emulator.hosting.scale_in import stop_instance, surplus, take_out_of_service

logger = logging.getLogger(__name__)


class Fleet:
    """Keeps the number of instances at the desired count; thread-safe.

    An instance that dies is replaced. While the first instances start (`wait_until_settled`) a failed launch is final,
    because a deployment must report it; later ones are retried.

    Args:
        launch: Makes an instance, not yet started.
        consume: Starts consuming for an instance whose model is ready.
        startup_timeout: Seconds that a container may take until its model is ready, on the wall's clock as all here.
        relaunch_seconds: Pause between two launches of an instance that does not start.
    """

    def __init__(
        self,
        launch: Callable[[], Instance],
        consume: Callable[[Instance], Consumer],
        *,
        startup_timeout: float,
        relaunch_seconds: float = 5.0,
    ) -> None:
        self._launch = launch
        self._consume = consume
        self._startup_timeout = startup_timeout
        self._relaunch_seconds = relaunch_seconds
        self._members: list[FleetMember] = []  # oldest first
        self._leaving = 0
        self._desired = 0
        self._failure: Exception | None = None  # of the last failed launch since the count was set
        self._retry = False
        self._recovering = False
        self._closed = False
        self._changed = threading.Condition()

    @property
    def desired(self) -> int:
        """The desired number of instances."""
        return self._desired

    @property
    def running(self) -> int:
        """The number of instances in service."""
        return sum(member.in_service for member in self.members)

    @property
    def members(self) -> tuple[FleetMember, ...]:
        """Every instance that starts or is in service, oldest first."""
        with self._changed:
            return tuple(self._members)

    @property
    def leaving(self) -> int:
        """The number of instances that were taken out and are not gone yet."""
        return self._leaving

    @property
    def failure(self) -> str | None:
        """The reason of the last failed launch since the count was set; None if none failed."""
        with self._changed:
            return None if self._failure is None else str(self._failure)

    @property
    def is_recovering(self) -> bool:
        """Whether instances of an earlier process of the local AWS are still starting, and none has failed to."""
        with self._changed:
            self._recovering = self._recovering and self._failure is None and not self._is_settled()
            return self._recovering

    def resize(self, count: int) -> None:
        """Sets the desired count; returns at once, and does nothing after `stop`.

        Instances in excess may finish their running requests; unfinished ones go back to the queue.
        """
        with self._changed:
            if self._closed:
                return
            self._desired = count
            self._failure = None
            excess = self._remove(surplus(self._members, count))
            self._fill()
        self._stop_in_background(excess, drain=True)

    def resume(self, count: int) -> None:
        """Starts the instances that an earlier process of the local AWS had; a failed launch is retried."""
        self._retry = self._recovering = True
        self.resize(count)

    def wait_until_settled(self, timeout: float = math.inf) -> None:
        """Waits until as many instances run as are desired and the removed ones are gone.

        Every launch ends by itself, so this does, too.

        Raises:
            LaunchFailed: An instance failed to start since the count was set (and, unless the instances are the first
                ones, all others are in service); or the fleet was stopped; or `timeout` seconds passed.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._is_settled():
                if self._closed:
                    raise LaunchFailed("The instances were stopped before they were ready.")
                if self._failure is not None and (not self._retry or self._all_in_service()):
                    raise LaunchFailed(str(self._failure)) from self._failure
                left = deadline - time.monotonic()
                if not self._changed.wait(None if math.isinf(left) else max(0.0, left)) and left <= 0:
                    raise LaunchFailed(f"{self._desired} instance(s) were not ready within {timeout:g} s")
            self._retry = True

    def replace_dead(self) -> int:
        """Replaces instances that died or fail their health checks; returns their number."""
        with self._changed:
            dead = self._remove([member for member in self._members if member.is_lost])
            if dead:
                self._fill()
        for member in dead:
            logger.warning("instance %s died and is replaced", member.instance.instance_id)
        self._stop_in_background(dead, drain=False)
        return len(dead)

    def stop(self, *, drain: bool = False) -> None:
        """Stops every instance for good; returns when all are gone and their requests are back in the queue.

        Args:
            drain: Let running requests finish first.
        """
        with self._changed:
            self._closed = True
            self._desired = 0
            members = self._remove(self._members)
        self._stop_in_background(members, drain=drain)
        with self._changed:
            self._changed.wait_for(lambda: not self._leaving)

    def _is_settled(self) -> bool:
        """Returns whether no instance is starting or leaving; the caller holds the lock."""
        complete = len(self._members) == self._desired and self._all_in_service()
        return complete and not self._closed and not self._leaving

    def _all_in_service(self) -> bool:
        """Returns whether no instance is starting; the caller holds the lock."""
        return all(member.in_service for member in self._members)

    def _remove(self, members: Iterable[FleetMember]) -> list[FleetMember]:
        """Removes members, which are to be stopped; the caller holds the lock."""
        gone = list(members)
        for member in gone:
            self._leaving += 1
            self._members.remove(member)
        self._changed.notify_all()
        return gone

    def _fill(self) -> None:
        """Launches the missing instances; the caller holds the lock."""
        while len(self._members) < self._desired:
            member = FleetMember(self._launch())
            self._members.append(member)
            threading.Thread(target=self._start, args=(member,), name="instance-start", daemon=True).start()

    def _start(self, member: FleetMember) -> None:
        try:
            member.instance.start()
            member.instance.wait_ready(self._startup_timeout)
            with self._changed:
                if member in self._members:
                    serving = FleetMember(member.instance, self._consume(member.instance))
                    self._members[self._members.index(member)] = serving
                    self._changed.notify_all()
                    return
        except Exception as error:  # noqa: BLE001 - any error is the reason that the endpoint reports
            self._launch_failed(member, error)
            return
        stop_instance(member.instance)

    def _launch_failed(self, member: FleetMember, reason: Exception) -> None:
        stop_instance(member.instance)
        with self._changed:
            if member not in self._members:
                return
            self._members.remove(member)
            self._failure = reason if str(reason) else LaunchFailed(type(reason).__name__)
            self._changed.notify_all()
            if not self._retry:
                return
        logger.warning("instance %s did not start and is retried: %s", member.instance.instance_id, reason)
        time.sleep(self._relaunch_seconds)
        with self._changed:
            self._fill()

    def _stop_in_background(self, members: Iterable[FleetMember], *, drain: bool) -> None:
        for member in members:
            stopping = threading.Thread(
                target=self._stop_member, args=(member,), kwargs={"drain": drain}, name="instance-stop", daemon=True
            )
            stopping.start()

    def _stop_member(self, member: FleetMember, *, drain: bool) -> None:
        try:
            take_out_of_service(member, drain=drain)
        finally:
            with self._changed:
                self._leaving -= 1
                self._changed.notify_all()
