"""A loaded Donut: its sizes, its weights by name, its tokenizer, and how it prepares pages and decodes results.

It belongs to no library. On a CPU the arithmetic is the archive's own (window_encoder, greedy_decoder) and needs the
weights alone, so that every image gives the same result, and a worker starts without importing a library of networks.
Where a library's own network is wanted, library_network makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from PIL import Image

    from network_sizes import NetworkSizes
    from piece_tokenizer import PieceTokenizer

# donut-python normalises pages with ImageNet's.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class DonutSettings:
    """How a model prepares pages and decodes results.

    Attributes:
        max_length: The most tokens of a result, its prompt included.
        forbidden_tokens: Ids that no result has.
        forced_end: The id that the last place takes; None for any.
        hides_padding: Whether a padding token that the decoder writes is hidden from what follows.
        align_long_axis: Whether a page is turned by a quarter where its longer axis is not the canvas's.
        resample: Pillow's filter for transformers' way to fit a page; None for donut-python's way.
        mean: Of each channel.
        deviation: Of each channel.
        task_prompt: Starts a result.
        list_fields: The fields that are lists.
        weights_file: The file, or the index of shards, that the weights come from.
    """

    max_length: int
    forbidden_tokens: list[int]
    forced_end: int | None
    hides_padding: bool = True
    align_long_axis: bool = False
    resample: int | None = None
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_DEVIATION
    task_prompt: str = ""
    list_fields: list[str] = field(default_factory=list)
    weights_file: str = ""


@dataclass
class Donut:
    """A loaded model.

    Attributes:
        sizes: Of its network.
        config: Its settings.
        tokenizer: With all tokens.
        weights: By donut-python's names.
    """

    sizes: NetworkSizes
    config: DonutSettings
    tokenizer: PieceTokenizer
    weights: dict[str, torch.Tensor]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._any_weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self._any_weight.dtype

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Moves the weights."""
        self.weights = {name: value.to(device, dtype) for name, value in self.weights.items()}

    def to_tensor(self, page: Image.Image) -> torch.Tensor:
        """Returns a page of the canvas's size as (3, height, width), normalised in single precision on the CPU."""
        pixels = torch.from_numpy(np.array(page.convert("RGB"))).permute(2, 0, 1).contiguous()
        mean, deviation = (torch.tensor(values).view(-1, 1, 1) for values in (self.config.mean, self.config.deviation))
        return pixels.to(torch.float32).div(255).sub_(mean).div_(deviation)

    @property
    def _any_weight(self) -> torch.Tensor:
        return self.weights["decoder.model.lm_head.weight"]
