"""What the SVG of a page's charts shows, read back from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

_SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
_STEP = re.compile(r"([MHVZ])([-\d.]*) ?([-\d.]*)")


@dataclass(frozen=True)
class Drawn:
    """One chart."""

    element: ET.Element

    @property
    def name(self) -> str:
        return self.element.attrib["aria-labelledby"].split()[0].removesuffix("-title")

    @property
    def description(self) -> str:
        found = self.element.find("desc")
        assert found is not None
        return found.text or ""

    def labels(self, kind: str) -> list[str]:
        return [each.text or "" for each in self.element.iter("text") if each.get("class") == kind]

    def highest(self, kind: str) -> float:
        """The highest number that a line or bars of a kind reach, in labels of the axis: 1 is the topmost."""
        (path,) = (each for each in self.element.iter("path") if each.get("class") in {f"line {kind}", f"bars {kind}"})
        grid = [float(each.attrib["y1"]) for each in self.element.iter("line") if each.get("y1") == each.get("y2")]
        top = min(point[1] for point in points(path.attrib["d"]))
        return (max(grid) - top) / (max(grid) - min(grid))


def points(line: str) -> Iterator[tuple[float, float]]:
    """The points of a path of M, H and V."""
    x = y = 0.0
    for letter, first, second in _STEP.findall(line):
        if letter == "M":
            x, y = float(first), float(second)
        elif letter == "H":
            x = float(first)
        elif letter == "V":
            y = float(first)
        yield x, y


def charts(page: str) -> dict[str, Drawn]:
    """The charts of a page or a part of it, by name."""
    # A page is trusted here: the test made it.
    found = [Drawn(ET.fromstring(text)) for text in _SVG.findall(page)]  # noqa: S314
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}
