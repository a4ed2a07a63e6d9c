"""The quotas on the instances of a region's endpoints, by type: a change that would exceed one is rejected at once.

Sources: the API reference, ResourceLimitExceeded of CreateEndpoint, UpdateEndpoint and
UpdateEndpointWeightsAndCapacities; the message is that of users' reports, `scaling.quota-text` in docs/evidence.md.
"""

import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from weakref import WeakKeyDictionary

from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.hosting.fleet import Fleet


class ResourceLimitExceeded(AwsError):
    """A change needs more instances than the account may have."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ResourceLimitExceeded", HTTPStatus.BAD_REQUEST)


class InstanceLimits:
    """Counts the instances of every fleet of a region; thread-safe.

    Args:
        quota: Returns the quota of an instance type; by default there is no limit.
    """

    def __init__(self, quota: Callable[[str], int] = lambda _: sys.maxsize) -> None:
        self._quota = quota
        self._types: WeakKeyDictionary[Fleet, str] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def add(self, fleet: Fleet, instance_type: str) -> None:
        """Counts the instances of a fleet from now on, for as long as it exists."""
        with self._lock:
            self._types[fleet] = instance_type

    def check(self, instance_type: str, more: int) -> None:
        """Checks that so many more instances of a type may be launched; fewer always may.

        Raises:
            ResourceLimitExceeded: They may not.
        """
        if more <= 0:
            return
        with self._lock:
            fleets = [fleet for fleet, its_type in self._types.items() if its_type == instance_type]
        used = sum(max(fleet.desired, fleet.running) for fleet in fleets)
        quota = self._quota(instance_type)
        if used + more > quota:
            raise ResourceLimitExceeded(
                f"The account-level service limit '{instance_type} for endpoint usage' is {quota} Instances, with "
                f"current utilization of {used} Instances and a request delta of {more} Instances. Please use AWS "
                "Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact "
                "AWS support to request an increase for this quota."
            )
