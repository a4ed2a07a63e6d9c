"""Donut's encoder on a CPU, the same on every image: the cells of a library's own encoder, sooner.

The same arithmetic as timm 0.5.4's SwinTransformer and transformers' DonutSwinModel. What a page does not change is
computed once: the scale of the queries, the bias of each pair of places and the mask of shifted windows as one tensor,
and the order of the places. The places are brought into the order of the next block's windows by one copy, where a
library's encoder rolls them, cuts windows and puts them together again. Large products go through oneDNN
(layer_arithmetic).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import torch
from torch.nn import functional

from layer_arithmetic import LargeLinear, Norm, attend_in_windows, blocked, dense
from network_sizes import PATCH_SIDE
from page_order import inverse, merged_order, pair_index, shift_mask, window_order

if TYPE_CHECKING:
    from torch import Tensor

    from donut_model import Donut
    from network_sizes import Stage

# Patches in the encoder at once: more do not fit in a core's cache. Four pages of the bundled model.
_PATCHES_AT_ONCE = 6144
# Places of all pages in the two inner products at once, whose tensor between them is four times as wide as the others.
# It stays in the cache, and a Donut of stock size needs 75 MB less.
_PLACES_AT_ONCE = 3072


class WindowEncoder:
    """Encodes pages with one model's encoder.

    Args:
        model: In full precision on the CPU.
    """

    def __init__(self, model: Donut) -> None:
        weights, patches = model.weights, model.sizes.patches
        self._embed = weights["encoder.model.patch_embed.proj.weight"], weights["encoder.model.patch_embed.proj.bias"]
        self._embed_norm = Norm(weights, "encoder.model.patch_embed.norm")
        self._positions: Tensor | None = weights.get("encoder.model.absolute_pos_embed")
        self._pages_at_once = max(1, _PATCHES_AT_ONCE // patches)
        self._steps: list[_Block | _Merging] = []
        order = torch.arange(patches)
        for number, stage in enumerate(model.sizes.stages):
            layer = f"encoder.model.layers.{number}"
            for block in range(stage.depth):
                step = _Block(weights, f"{layer}.blocks.{block}", stage, stage.shift_of(block), order)
                order = step.order
                self._steps.append(step)
            if number + 1 < len(model.sizes.stages):
                merging = _Merging(weights, f"{layer}.downsample", stage, order)
                order = merging.order
                self._steps.append(merging)
        self._to_rows = inverse(order)

    def encode(self, images: Tensor) -> Tensor:
        """Returns the cells of some pages, (pages, cells, hidden size), row by row.

        Args:
            images: What `Donut.to_tensor` returns, (pages, 3, height, width).
        """
        with torch.inference_mode():
            return torch.cat([self._encode(some) for some in images.split(self._pages_at_once)])

    def _encode(self, images: Tensor) -> Tensor:
        patches = functional.conv2d(images, *self._embed, stride=PATCH_SIDE)
        hidden = self._embed_norm(patches.flatten(2).transpose(1, 2))
        if self._positions is not None:
            hidden = hidden + self._positions
        for step in self._steps:
            hidden = step(hidden)
        return hidden.index_select(1, self._to_rows)


class _Block:
    """One Swin block; `order` names the place on the page, row by row, of each place of its result."""

    def __init__(
        self, weights: Mapping[str, Tensor], name: str, stage: Stage, shift: int, order_before: Tensor
    ) -> None:
        self.order = window_order(stage, shift)
        self._gather = inverse(order_before)[self.order]
        self._heads, self._places, self._windows = stage.heads, stage.window**2, stage.windows
        self._bias = self._pair_bias(weights[f"{name}.attn.relative_position_bias_table"], stage, shift)
        self._query_key_value = LargeLinear(*_with_scaled_queries(weights, f"{name}.attn.qkv", stage))
        self._out, self._first, self._second = (
            LargeLinear(weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"], gelu=part == "mlp.fc1")
            for part in ("attn.proj", "mlp.fc1", "mlp.fc2")
        )
        self._first_norm, self._second_norm = Norm(weights, f"{name}.norm1"), Norm(weights, f"{name}.norm2")

    def _pair_bias(self, table: Tensor, stage: Stage, shift: int) -> Tensor:
        """Returns what is added to the scores, (windows or 1, heads, places, places)."""
        bias = table[pair_index(stage.window)].permute(2, 0, 1).unsqueeze(0)
        mask = shift_mask(stage, shift)
        return (bias if mask is None else bias + mask.unsqueeze(1)).contiguous()

    def __call__(self, hidden: Tensor) -> Tensor:
        hidden = hidden.index_select(1, self._gather)
        pages, places, width = hidden.shape
        rows = self._first_norm(hidden).view(pages * places, width)
        hidden += self._out(self._attend(self._query_key_value(rows), pages)).view_as(hidden)
        for some in hidden.view(pages * places, width).split(_PLACES_AT_ONCE):
            some.add_(dense(self._second(self._first(blocked(self._second_norm(some))))))
        return hidden

    def _attend(self, together: Tensor, pages: int) -> Tensor:
        """Returns what each place sees of its window, (rows, width).

        Args:
            together: Queries, keys and values, (rows, 3 * width).
            pages: How many pages the rows are of.
        """
        windows, width = pages * self._windows, together.shape[1] // 3
        by_head = together.view(windows, self._places, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        seen = attend_in_windows(*by_head.unbind(0), self._bias)
        return seen.transpose(1, 2).reshape(-1, width)


class _Merging:
    """Joins four neighbouring places into one of twice the width."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, stage: Stage, order_before: Tensor) -> None:
        self._gather = inverse(order_before)[merged_order(stage)]
        self.order = torch.arange(stage.height * stage.width // 4)
        self._norm = Norm(weights, f"{name}.norm")
        self._reduce = LargeLinear(weights[f"{name}.reduction.weight"])

    def __call__(self, hidden: Tensor) -> Tensor:
        pages, places, width = hidden.shape
        rows = self._norm(hidden.index_select(1, self._gather).view(pages * places // 4, 4 * width))
        return self._reduce(rows).view(pages, places // 4, -1)


def _with_scaled_queries(weights: Mapping[str, Tensor], name: str, stage: Stage) -> tuple[Tensor, Tensor]:
    weight, bias = weights[f"{name}.weight"].clone(), weights[f"{name}.bias"].clone()
    scale = (stage.channels // stage.heads) ** -0.5
    weight[: stage.channels] *= scale
    bias[: stage.channels] *= scale
    return weight, bias
