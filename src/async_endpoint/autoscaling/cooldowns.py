"""Cooldowns: how a completed change limits the next one.

Source of the rules: Application Auto Scaling API reference, Cooldown, ScaleOutCooldown and ScaleInCooldown. AWS does
not say whether they belong to a policy or to its target; here they are the target's, so that two policies cannot add
the same instances twice.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from async_endpoint.autoscaling.targets import TargetKey


@dataclass(frozen=True)
class Cooldown:
    """One target's cooldowns and last growth in epoch seconds; `out_from` is the capacity before the scale-out."""

    out_until: float = -math.inf
    out_from: int = 0
    in_until: float = -math.inf
    grown_at: float = -math.inf

    def base(self, current: int, at: float) -> int:
        """Returns the capacity from which a scale-out counts.

        While a scale-out cools down, the next one includes what it added: 2 + 2 = 4, then a step of +3 counts from 2
        and adds one. So only a larger scale-out passes.
        """
        return min(self.out_from, current) if at < self.out_until else current

    def blocks_scale_in(self, at: float) -> bool:
        """Returns whether a scale-in must wait. A scale-out need not: it ends this cooldown."""
        return at < self.in_until


class Cooldowns:
    """The cooldowns of every target."""

    def __init__(self) -> None:
        self._by_target: dict[TargetKey, Cooldown] = {}

    def get(self, target: TargetKey) -> Cooldown:
        """Returns a target's cooldowns."""
        return self._by_target.get(target, Cooldown())

    def begin(self, target: TargetKey, before: int, after: int, at: float, until: float) -> None:
        """Starts the cooldown of a change that is complete at the epoch second `at`."""
        if after > before:
            base = self.get(target).base(before, at)
            self._by_target[target] = Cooldown(out_until=until, out_from=base, grown_at=at)
        else:
            self._by_target[target] = Cooldown(in_until=until, grown_at=self.get(target).grown_at)

    def state(self) -> list[Any]:
        """Returns every cooldown, as plain JSON for `restore`."""
        return [[key.describe(), *dataclasses.astuple(cooldown)] for key, cooldown in self._by_target.items()]

    def restore(self, state: list[Any]) -> None:
        """Restores what `state` returned."""
        for key, *parts in state:
            self._by_target[TargetKey.from_members(key)] = Cooldown(*parts)

    def forget(self, target: TargetKey) -> None:
        """Drops a target's cooldowns."""
        self._by_target.pop(target, None)
