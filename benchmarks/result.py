"""What a benchmark found, and how it tells it."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """A ratio beside its goal.

    Attributes:
        ratio: How many times better than the alternative (or, where `at_most`, the share of it).
        goal: What the ratio has to reach, or stay below.
        at_most: Whether a small ratio is the good one.
        conditions: Further conditions, by what they say; all must hold.
        figures: What was measured, with its unit in the name.
    """

    ratio: float
    goal: float
    at_most: bool = False
    conditions: Mapping[str, bool] = field(default_factory=dict)
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether goal and conditions were reached."""
        reached = self.ratio <= self.goal if self.at_most else self.ratio >= self.goal
        return reached and all(self.conditions.values())

    def line(self, name: str) -> str:
        """One JSON object."""
        said = {"name": name, "ratio": round(self.ratio, 3), "goal": self.goal, "ok": self.ok}
        return json.dumps(said | {"at_most": self.at_most} | dict(self.conditions) | dict(self.figures))


def progress(sentence: str) -> None:
    """Reports what is going on."""
    sys.stderr.write(f"{sentence}\n")
