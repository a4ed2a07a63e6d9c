"""Fits a page to the model's input: the part of donut-python's `SwinEncoder.prepare_input` that Pillow does.

The drawing process does this part, so that a page travels to the worker in the model's size, and imports no torch for
it. The worker does the rest with the model's own `to_tensor`. A test compares both with `prepare_input` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

if TYPE_CHECKING:
    from donut_model import Donut

CHANNELS = 3
# Degrees clockwise, in which a page that lies on its side is upright; Pillow counts the other way round.
QUARTER_TURNS = {90: Image.ROTATE_270, 270: Image.ROTATE_90}


@dataclass(frozen=True)
class Canvas:
    """The model's input.

    Attributes:
        width: In pixels.
        height: In pixels.
        align_long_axis: Whether a page is turned by a quarter where its longer axis is not the canvas's.
        resample: Pillow's filter for the first step, where a page is fitted in the way of transformers'
            DonutImageProcessor; None for donut-python's way.
    """

    width: int
    height: int
    align_long_axis: bool
    resample: int | None = None

    @classmethod
    def from_model(cls, model: Donut) -> Canvas:
        """Returns the canvas of a model."""
        height, width = model.sizes.input_size
        return cls(width, height, model.config.align_long_axis, model.config.resample)

    @property
    def shorter_side(self) -> int:
        """Its shorter side in pixels."""
        return min(self.width, self.height)

    @property
    def byte_count(self) -> int:
        """Size of its pixels in RGB."""
        return self.width * self.height * CHANNELS

    def fit(self, page: Image.Image, rotation: int = 0) -> Image.Image:
        """Returns a page on the canvas: resized, and centred on black.

        Args:
            page: Of any mode and size.
            rotation: Degrees that the page is turned by before, clockwise: 0, 90 or 270.
        """
        page = page.convert("RGB")
        if rotation:
            page = page.transpose(QUARTER_TURNS[rotation])
        if self.align_long_axis and self._is_across(page):
            page = page.transpose(Image.ROTATE_270)
        # As torchvision's resize with one number does, and transformers'.
        shorter, longer = sorted(page.size)
        if shorter != self.shorter_side:
            grown = int(self.shorter_side * longer / shorter)
            upright = page.width <= page.height
            page = page.resize(
                (self.shorter_side, grown) if upright else (grown, self.shorter_side),
                resample=Image.BILINEAR if self.resample is None else self.resample,
            )
        page = self._shrunk(page)
        left, top = (self.width - page.width) // 2, (self.height - page.height) // 2
        border = (left, top, self.width - page.width - left, self.height - page.height - top)
        return ImageOps.expand(page, border)

    def _shrunk(self, page: Image.Image) -> Image.Image:
        """Returns a page no larger than the canvas."""
        if self.resample is None:
            page.thumbnail((self.width, self.height))
            return page
        # image_processing_donut.py rounds down, where Pillow's thumbnail rounds to the nearest shape.
        height, width = min(page.height, self.height), min(page.width, self.width)
        if (width, height) == page.size:
            return page
        if page.height > page.width:
            width = int(page.width * height / page.height)
        elif page.width > page.height:
            height = int(page.height * width / page.width)
        return page.resize((width, height), resample=Image.BICUBIC, reducing_gap=2.0)

    def turns_of(self, page: Image.Image) -> list[int]:
        """Returns by how many degrees, clockwise, a page may have to be turned that lies on its side.

        Empty if its longer side is the canvas's. With `align_long_axis`, Donut turns such a page itself.
        """
        if self.align_long_axis or (self.height - self.width) * (page.height - page.width) > 0:
            return []
        return list(QUARTER_TURNS)

    def _is_across(self, page: Image.Image) -> bool:
        if self.height > self.width:
            return page.width > page.height
        return self.height < self.width and page.width < page.height
