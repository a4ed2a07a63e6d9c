"""In which order the places of a page are, and which of them a window sees: what timm's SwinTransformer computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from network_sizes import Stage

# What hides a place from another: timm's number, in the scores before the softmax.
_HIDDEN = -100.0


def window_order(stage: Stage, shift: int) -> torch.Tensor:
    """Returns the places of a page, row by row in each window and window by window."""
    return _windows(torch.arange(stage.height * stage.width).view(stage.height, stage.width), stage, shift).flatten()


def merged_order(stage: Stage) -> torch.Tensor:
    """Returns the places of a page, four neighbours behind one another; as timm has it, the left two first."""
    places = torch.arange(stage.height * stage.width).view(stage.height, stage.width)
    four = [places[0::2, 0::2], places[1::2, 0::2], places[0::2, 1::2], places[1::2, 1::2]]
    return torch.stack(four, dim=-1).flatten()


def inverse(order: torch.Tensor) -> torch.Tensor:
    """Returns where in an order each place is."""
    found = torch.empty_like(order)
    found[order] = torch.arange(len(order))
    return found


def pair_index(window: int) -> torch.Tensor:
    """Returns the row of the table of position biases for each pair of places of a window, (places, places)."""
    places = torch.arange(window**2)
    rows, columns = places // window, places % window
    down = rows.unsqueeze(1) - rows + window - 1
    right = columns.unsqueeze(1) - columns + window - 1
    return down * (2 * window - 1) + right


def shift_mask(stage: Stage, shift: int) -> torch.Tensor | None:
    """Returns what is added to the scores of shifted windows, (windows, places, places); None without a shift.

    A shifted window joins parts of the page that are no neighbours: they do not see each other.
    """
    if not shift:
        return None
    regions = [
        torch.bucketize(torch.arange(side), torch.tensor([side - stage.window, side - shift]), right=True)
        for side in (stage.height, stage.width)
    ]
    region = 3 * regions[0].unsqueeze(1) + regions[1]
    # The regions are those of the page after the shift.
    of_window = _windows(region, stage, 0).flatten(1)
    return (of_window.unsqueeze(1) != of_window.unsqueeze(2)).to(torch.get_default_dtype()) * _HIDDEN


def _windows(values: torch.Tensor, stage: Stage, shift: int) -> torch.Tensor:
    """Returns the values of each window, (windows, side, side)."""
    if shift:
        values = torch.roll(values, shifts=(-shift, -shift), dims=(0, 1))
    side = stage.window
    cut = values.view(stage.height // side, side, stage.width // side, side)
    return cut.permute(0, 2, 1, 3).reshape(-1, side, side)
