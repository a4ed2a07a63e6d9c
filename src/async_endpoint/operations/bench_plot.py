"""Draws what `Bench` measured: the time of each document, one after another and all at once, with percentiles.

It needs matplotlib, which the extra `plot` installs.
"""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from async_endpoint.operations.bench import Measured

_INCHES = (11, 4.8)
_DOTS_PER_INCH = 120
_POINT, _LINES, _QUIET = "#2f6fb5", {50: "#12a08a", 95: "#a3212a"}, "#59636e"
_STYLES = {50: "-", 95: (0, (5, 3))}  # two lines at one height are both seen
_FEW = 40  # documents, up to which each one has a mark


def draw_times(file: IO[bytes], title: str, phases: Mapping[str, Measured]) -> None:
    """Writes a PNG with one panel for each phase, side by side; each has its own scale.

    Args:
        file: Takes the PNG.
        title: What was measured.
        phases: The phases by name.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(phases), squeeze=False)[0]
    for axes, (phase, measured) in zip(panels, phases.items(), strict=True):
        _draw(axes, phase, measured)
    figure.savefig(file, format="png")


def _draw(axes: Axes, phase: str, measured: Measured) -> None:
    failed = f", {len(measured.failed):,} failed" if measured.failed else ""
    noun = "document" if measured.documents == 1 else "documents"
    axes.set_title(f"{phase}: {measured.documents:,} {noun} in {measured.seconds:,.1f} s{failed}", fontsize=11)
    axes.set_xlabel("document, in the order of the results")
    axes.set_ylabel("seconds from submission to result")
    axes.spines[["top", "right"]].set_visible(False)
    if not measured.latencies:
        axes.text(0.5, 0.5, "No document has a result.", ha="center", color=_QUIET, transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    numbers = range(1, len(measured.latencies) + 1)
    axes.plot(numbers, measured.latencies, marker="o" if len(numbers) <= _FEW else ".", linestyle="none", color=_POINT)
    for percent, color in _LINES.items():
        seconds = measured.percentile(percent)
        if seconds is not None:
            label = f"p{percent}: {three_digits(seconds)} s"
            axes.axhline(seconds, color=color, linewidth=1.2, linestyle=_STYLES[percent], zorder=1, label=label)
    axes.set_ylim(0, max(measured.latencies) * 1.1)
    axes.set_xlim(0.5, len(numbers) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", alpha=0.3)
    # Below the axes: inside, it would cover documents.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(_LINES), frameon=False)


def three_digits(seconds: float) -> str:
    """Returns seconds so that percentiles which differ have different texts, such as 0.162, 1.26 and 67.8."""
    digits = 2 - math.floor(math.log10(seconds)) if seconds > 0 else 2
    return f"{seconds:,.{min(3, max(0, digits))}f}"
