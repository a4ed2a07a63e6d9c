"""Draws what confidence is worth: `diagram.py FIELDS.jsonl IMAGE.png`, from what `evaluate.py --fields` wrote.

Left, the reliability diagram: the share of right fields in bins of confidence of equal width, which should lie on the
diagonal. Right, the wrong fields among those that a threshold accepts. Runs in the training environment, which has
matplotlib; `make reliability` draws the committed one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from matplotlib.figure import Figure
import numpy as np

from archive import MODEL_FOLDER
from reliability import ReturnedField, bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = (("raw", "raw_confidence", "#c2410c", "s"), ("confidence", "confidence", "#1d4ed8", "o"))
GREY = "#6b7280"


def draw(fields: Sequence[ReturnedField], threshold: float, image: Path) -> None:
    """Draws the two diagrams into a PNG file.

    Args:
        fields: Of a calibrated model's results; those without confidence are left out.
        threshold: The model's `accept_threshold`.
        image: File to write.
    """
    known = [each for each in fields if each.raw is not None and each.confidence is not None]
    right = np.array([each.is_right for each in known], dtype=float)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    reliability, accepted = figure.subplots(1, 2)
    for name, label, colour, marker in SERIES:
        values = np.array([getattr(each, name) for each in known])
        _draw_bins(reliability, values, right, label, colour, marker)
        order = np.argsort(-values, kind="stable")
        shares = np.arange(1, len(order) + 1) / len(fields)
        wrong = np.cumsum(1 - right[order]) / np.arange(1, len(order) + 1)
        start = len(order) // 10  # before, one field moves the share
        accepted.plot(100 * shares[start:], 100 * wrong[start:], color=colour, label=label)
    reliability.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    reliability.set(xlabel="confidence", ylabel="share of right fields", xlim=(0, 1), ylim=(0, 1.02))
    reliability.set_title("Reliability (marker area: number of fields)", fontsize=11)
    _mark_threshold(accepted, known, len(fields), threshold)
    accepted.set(xlabel="accepted fields, %", ylabel="wrong among the accepted, %", xlim=(10, 100), ylim=(0, 4))
    accepted.set_title("What a threshold accepts", fontsize=11)
    for axes in (reliability, accepted):
        axes.legend(loc="upper left", frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
    figure.savefig(image, dpi=90, metadata={"Software": None})


def _draw_bins(  # noqa: PLR0917 - a series: its numbers and its looks
    axes: Axes, values: np.ndarray, right: np.ndarray, label: str, colour: str, marker: str
) -> None:
    means, shares, counts = (np.array(column) for column in zip(*bins(values, right, equal_mass=False)))
    axes.plot(means, shares, color=colour, linewidth=1.2, marker=marker, markersize=4, label=label)
    axes.scatter(
        means,
        shares,
        s=500 * counts / counts.sum(),
        color=colour,
        marker=marker,
        alpha=0.25,
        linewidths=0,
        clip_on=False,
    )


def _mark_threshold(axes: Axes, known: Sequence[ReturnedField], count: int, threshold: float) -> None:
    accepted = [each for each in known if each.confidence is not None and each.confidence >= threshold]
    share, wrong = len(accepted) / count, sum(not each.is_right for each in accepted) / len(accepted)
    axes.axhline(1, color=GREY, linewidth=1, linestyle="--")
    axes.plot([100 * share], [100 * wrong], marker="o", color="#1d4ed8", markersize=8)
    axes.annotate(
        f"accept_threshold {threshold:g}:\n{share:.1%} accepted, {wrong:.2%} wrong",
        (100 * share, 100 * wrong),
        (100 * share - 4, 100 * wrong + 0.7),
        ha="right",
        arrowprops={"arrowstyle": "-", "color": GREY},
    )


def main() -> None:
    """Draws the fields of a file."""
    parser = argparse.ArgumentParser(description="Draw what confidence is worth.")
    parser.add_argument("fields", type=Path, help="what evaluate.py --fields wrote")
    parser.add_argument("image", type=Path, help="PNG file to write")
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER, help="model folder, for its threshold")
    options = parser.parse_args()
    fields = [ReturnedField(**json.loads(line)) for line in options.fields.read_text(encoding="utf-8").splitlines()]
    calibration = json.loads((options.folder / "calibration.json").read_text(encoding="utf-8"))
    draw(fields, calibration["accept_threshold"], options.image)


if __name__ == "__main__":
    main()
