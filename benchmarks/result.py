"""The result of a benchmark, and its line of JSON."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """A ratio and its goal.

    Attributes:
        ratio: How many times better than the alternative; with `at_most`, a share of it.
        goal: The ratio's lower bound; with `at_most`, its upper bound.
        at_most: Whether smaller is better.
        conditions: Further conditions by name; all must hold.
        figures: The measured numbers, with the unit in the name.
    """

    ratio: float
    goal: float
    at_most: bool = False
    conditions: Mapping[str, bool] = field(default_factory=dict)
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the goal and all conditions were reached."""
        reached = self.ratio <= self.goal if self.at_most else self.ratio >= self.goal
        return reached and all(self.conditions.values())

    def line(self, name: str) -> str:
        """One JSON object."""
        values = {"name": name, "ratio": round(self.ratio, 3), "goal": self.goal, "ok": self.ok}
        return json.dumps(values | {"at_most": self.at_most} | dict(self.conditions) | dict(self.figures))


def progress(sentence: str) -> None:
    """Writes a sentence about the progress to stderr."""
    sys.stderr.write(f"{sentence}\n")
