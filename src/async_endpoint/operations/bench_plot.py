"""Draws what `Bench` measured: the time of each document, one after another and all at once, with percentiles.

It needs matplotlib, which the extra `plot` installs.
"""

from __future__ import annotations

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
            axes.axhline(seconds, color=color, linewidth=1.2, label=f"p{percent}: {seconds:,.2f} s")
    axes.set_ylim(0, max(measured.latencies) * 1.1)
    axes.set_xlim(0.5, len(numbers) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower right", framealpha=0.9)
