"""The regions of a local AWS, by account and name."""

import logging
import threading
from typing import Any

from async_endpoint.emulator.server.config import ServerConfig
from async_endpoint.emulator.server.region import Region
from async_endpoint.emulator.server.state_file import StateError

logger = logging.getLogger(__name__)


class RegionRegistry:
    """Every region that a request was sent to, made by the first one; thread-safe."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._regions: dict[tuple[str, str], Region] = {}
        self._lock = threading.Lock()

    def get(self, account: str, name: str) -> Region:
        """Returns the region of an account, made when there is none yet."""
        with self._lock:
            if (account, name) not in self._regions:
                self._regions[account, name] = Region(account, name, self._config)
            return self._regions[account, name]

    def find(self, account: str, name: str) -> Region | None:
        """Returns the region of an account; None when there is none yet."""
        with self._lock:
            return self._regions.get((account, name))

    def all(self) -> list[Region]:
        """Returns every region so far."""
        with self._lock:
            return list(self._regions.values())

    def state_updated_at(self, account: str, region_name: str, alarm: str, state: str) -> float:
        """Returns when an alarm came to the state that its region publishes now; the present for any other change."""
        region = self.find(account, region_name)
        updated_at = None if region is None else region.state_updated_at(alarm, state)
        return self._config.clock.now() if updated_at is None else updated_at

    def state(self) -> list[Any]:
        """Returns every region as plain JSON for `restore`; call it after all of them were stopped."""
        return [[region.account, region.name, region.state()] for region in self.all()]

    def restore(self, state: list[Any]) -> None:
        """Restores the regions from `state`; nothing starts until each region's `resume`.

        Raises:
            StateError: A region cannot be restored.
        """
        for account, name, saved in state:
            try:
                self.get(account, name).restore(saved)
            except Exception as error:
                logger.exception("region %s could not be restored", name)
                raise StateError(
                    f"The saved state of region {name} cannot be restored ({type(error).__name__}: {error}): "
                    "start with --fresh to delete it."
                ) from error
