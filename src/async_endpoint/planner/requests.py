"""The requests of one endpoint: first in, first out, onto the first free slot, until a moment.

This is the inner loop of a simulation. All times are seconds from the beginning of the traffic.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from heapq import heapify, heappush, heapreplace


class Requests:
    """Requests that arrive, wait, and are processed on slots.

    A slot is one of the requests that an instance processes at a time. SageMaker's queue is one for all instances, so
    slots need not know their instance.

    Attributes:
        arrivals: When each request arrives, ascending.
        left: When each request so far has left the queue, ascending: it began to be processed, or it expired.
        expired: The indices of the requests that expired, ascending.

    Args:
        arrivals: When each request arrives, ascending.
        services: How long each is processed.
        ttl: How long a request may wait; infinity for ever.
    """

    def __init__(self, arrivals: array[float], services: array[float], ttl: float = math.inf) -> None:
        self.arrivals = arrivals
        self.left = array("d")
        self.expired: list[int] = []
        self._services = services
        self._ttl = ttl
        self._slots: list[float] = []  # when each becomes free, a heap
        self._ends: list[float] = []  # of requests that were in work since the last `take_ended`

    @property
    def is_idle(self) -> bool:
        """Whether no request that has been seen is in work; those that have ended may be waiting to be taken."""
        return not self._ends

    def waiting(self, at: float) -> int:
        """Returns how many requests wait at a moment, up to which `run` has come."""
        return bisect_right(self.arrivals, at) - len(self.left)

    @property
    def oldest(self) -> float:
        """When the first of the requests that wait arrived; there must be one."""
        return self.arrivals[len(self.left)]

    def next_arrival(self, after: float) -> float:
        """Returns when the first request from a moment on arrives; infinity if none does."""
        index = bisect_left(self.arrivals, after)
        return self.arrivals[index] if index < len(self.arrivals) else math.inf

    def services_of_processed(self) -> array[float]:
        """Returns how long each request that an instance has taken is processed, in their order."""
        expired = set(self.expired)
        taken = self._services[: len(self.left)]
        return array("d", (each for index, each in enumerate(taken) if index not in expired)) if expired else taken

    def add_slots(self, count: int, at: float) -> None:
        """Adds slots that are free from a moment on."""
        for _ in range(count):
            heappush(self._slots, at)

    def remove_slots(self, count: int, at: float) -> list[float]:
        """Removes slots, idle ones first; returns when each has finished its request, `at` for an idle one."""
        self._slots.sort()
        gone, self._slots = self._slots[:count], self._slots[count:]
        heapify(self._slots)
        return [max(at, free) for free in gone]

    def run(self, until: float) -> None:
        """Processes requests with the slots that there are; decides everything that begins before a moment."""
        slots, arrivals, services, ttl = self._slots, self.arrivals, self._services, self._ttl
        left, ends = self.left, self._ends
        index, count = len(left), len(arrivals)
        if slots:
            while index < count:
                arrival = arrivals[index]
                start = slots[0]
                if start < arrival:  # noqa: PLR1730 - a call of max() would take longer than all the rest
                    start = arrival
                if start >= until:
                    break
                if start - arrival > ttl:
                    self._expire(index)
                else:
                    end = start + services[index]
                    heapreplace(slots, end)
                    left.append(start)
                    ends.append(end)
                index += 1
        while index < count and arrivals[index] + ttl < until:
            self._expire(index)
            index += 1

    def take_ended(self, before: float) -> list[float]:
        """Returns when requests ended since the last call, ascending; the others are kept for the next one."""
        ends = self._ends
        if not ends:
            return []
        ends.sort()
        at = bisect_left(ends, before)
        gone = ends[:at]
        del ends[:at]
        return gone

    @property
    def in_work(self) -> int:
        """How many requests are in work, right after `take_ended`."""
        return len(self._ends)

    def _expire(self, index: int) -> None:
        moment = self.arrivals[index] + self._ttl
        self.left.append(max(moment, self.left[-1]) if self.left else moment)
        self.expired.append(index)
