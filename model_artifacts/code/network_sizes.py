"""The sizes of a Donut's network, and the names and shapes of its weights.

Names are donut-python's, in whichever form a model was saved: weight_names.py gives those of Hugging Face's
transformers. Sources: donut-python 1.0.9 (model.py), timm 0.5.4 (swin_transformer.py), transformers 4.11.3
(modeling_mbart.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

PATCH_SIDE = 4
_CHANNELS = 3
_MLP_RATIO = 4
# MBart keeps two places that nothing uses.
POSITIONS_UNUSED = 2
# donut-python writes these widths into its constructors.
STOCK_EMBED_DIM, STOCK_ENCODER_HEADS = 128, (4, 8, 16, 32)
STOCK_DECODER_HEADS, STOCK_DECODER_FFN_DIM = 16, 4096

Shapes = "dict[str, tuple[int, ...]]"


class SizesError(ValueError):
    """The sizes fit no network; the message says which."""


@dataclass(frozen=True)
class Stage:
    """One stage of the encoder: blocks that see the page at one resolution.

    Attributes:
        height: Cells of the page.
        width: Cells of the page.
        channels: Numbers of each cell.
        heads: Attention heads of each block.
        depth: Blocks.
        window: Cells of a window's side.
        shift: Cells by which every second block's windows are shifted.
    """

    height: int
    width: int
    channels: int
    heads: int
    depth: int
    window: int
    shift: int

    @property
    def windows(self) -> int:
        """Windows of the page."""
        return self.height * self.width // self.window**2

    def shift_of(self, block: int) -> int:
        """Returns the shift of one block, counted from 0."""
        return self.shift if block % 2 else 0


@dataclass(frozen=True)
class NetworkSizes:
    """The sizes of the encoder (a Swin) and the decoder (an MBart).

    Attributes:
        input_size: Height and width of a page in pixels.
        window_size: Cells of a window's side.
        encoder_layer: Blocks of each stage.
        encoder_embed_dim: Channels after the patch embedding; they double at every stage.
        encoder_heads: Attention heads of each stage.
        encoder_positions: Whether the encoder has absolute position embeddings.
        decoder_layer: Layers of the decoder.
        decoder_heads: Attention heads of each of them.
        decoder_ffn_dim: Width of their feed-forward layers.
        max_position_embeddings: Places of a result.
        vocabulary: Tokens that the decoder knows.
        activation: The function in the decoder's feed-forward layers.
        scale_embedding: Whether the decoder multiplies its embeddings by the root of their width.

    Raises:
        SizesError: A page of this size cannot be cut into such windows, or a width not into heads.
    """

    input_size: tuple[int, int]
    window_size: int
    encoder_layer: tuple[int, ...]
    decoder_layer: int
    max_position_embeddings: int
    vocabulary: int
    encoder_embed_dim: int = STOCK_EMBED_DIM
    encoder_heads: tuple[int, ...] = STOCK_ENCODER_HEADS
    encoder_positions: bool = False
    decoder_heads: int = STOCK_DECODER_HEADS
    decoder_ffn_dim: int = STOCK_DECODER_FFN_DIM
    activation: str = "gelu"
    scale_embedding: bool = True

    def __post_init__(self) -> None:
        """Checks that the sizes fit one another."""
        stages, size = len(self.encoder_layer), list(self.input_size)
        if len(self.encoder_heads) < stages:
            raise SizesError(f"the encoder has {stages} stages and heads for {len(self.encoder_heads)}")
        fits = all(side > 0 and side % (PATCH_SIDE * 2 ** (stages - 1)) == 0 for side in size)
        if not fits or any(stage.height % stage.window or stage.width % stage.window for stage in self.stages):
            raise SizesError(
                f"pages of {size!a} pixels cannot be cut into windows of {self.window_size} cells at each of the "
                f"encoder's {stages} stages"
            )
        pairs = [(stage.channels, stage.heads) for stage in self.stages] + [(self.hidden_size, self.decoder_heads)]
        for width, heads in pairs:
            if width % heads:
                raise SizesError(f"{width} channels cannot be split into {heads} heads")

    @property
    def hidden_size(self) -> int:
        """Channels of the encoder's last stage, which the decoder attends to."""
        return int(self.encoder_embed_dim * 2 ** (len(self.encoder_layer) - 1))

    @property
    def patches(self) -> int:
        """Patches of a page."""
        return self.input_size[0] // PATCH_SIDE * (self.input_size[1] // PATCH_SIDE)

    @property
    def stages(self) -> list[Stage]:
        """The encoder's stages; where the page is no larger than a window, the window is the page, and not shifted."""
        found = []
        for number, (depth, heads) in enumerate(zip(self.encoder_layer, self.encoder_heads)):
            height, width = (side // PATCH_SIDE // 2**number for side in self.input_size)
            smaller = min(height, width)
            window = min(self.window_size, smaller)
            shift = 0 if smaller <= self.window_size else self.window_size // 2
            found.append(Stage(height, width, self.encoder_embed_dim * 2**number, heads, depth, max(window, 1), shift))
        return found


def weight_shapes(sizes: NetworkSizes) -> Shapes:
    """Returns the shape of each weight, by its name."""
    return {**_encoder_shapes(sizes), **_decoder_shapes(sizes)}


def computed_shapes(sizes: NetworkSizes) -> Shapes:
    """Returns the shape of what a state_dict may hold besides: computed from the sizes, or never used."""
    shapes = {f"encoder.model.norm.{kind}": (sizes.hidden_size,) for kind in ("weight", "bias")}
    for number, stage in enumerate(sizes.stages):
        places = stage.window**2
        for block in range(stage.depth):
            prefix = f"encoder.model.layers.{number}.blocks.{block}"
            shapes[f"{prefix}.attn.relative_position_index"] = (places, places)
            if stage.shift_of(block):
                shapes[f"{prefix}.attn_mask"] = (stage.windows, places, places)
    return shapes


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norms(width: int, names: Sequence[str]) -> Shapes:
    return {f"{name}.{kind}": (width,) for name in names for kind in ("weight", "bias")}


def _encoder_shapes(sizes: NetworkSizes) -> Shapes:
    first, embed = sizes.encoder_embed_dim, "encoder.model.patch_embed"
    shapes = {
        f"{embed}.proj.weight": (first, _CHANNELS, PATCH_SIDE, PATCH_SIDE),
        f"{embed}.proj.bias": (first,),
        **_norms(first, [f"{embed}.norm"]),
    }
    if sizes.encoder_positions:
        shapes["encoder.model.absolute_pos_embed"] = (1, sizes.patches, first)
    for number, stage in enumerate(sizes.stages):
        width, layer = stage.channels, f"encoder.model.layers.{number}"
        for block in (f"{layer}.blocks.{each}" for each in range(stage.depth)):
            shapes[f"{block}.attn.relative_position_bias_table"] = ((2 * stage.window - 1) ** 2, stage.heads)
            shapes.update(_norms(width, [f"{block}.norm1", f"{block}.norm2"]))
            shapes.update(_linear(f"{block}.attn.qkv", 3 * width, width))
            shapes.update(_linear(f"{block}.attn.proj", width, width))
            shapes.update(_linear(f"{block}.mlp.fc1", _MLP_RATIO * width, width))
            shapes.update(_linear(f"{block}.mlp.fc2", width, _MLP_RATIO * width))
        if number + 1 < len(sizes.encoder_layer):
            shapes.update(_norms(4 * width, [f"{layer}.downsample.norm"]))
            shapes[f"{layer}.downsample.reduction.weight"] = (2 * width, 4 * width)
    return shapes


def _decoder_shapes(sizes: NetworkSizes) -> Shapes:
    width, inner, decoder = sizes.hidden_size, sizes.decoder_ffn_dim, "decoder.model.model.decoder"
    shapes = {
        f"{decoder}.embed_tokens.weight": (sizes.vocabulary, width),
        f"{decoder}.embed_positions.weight": (sizes.max_position_embeddings + POSITIONS_UNUSED, width),
        **_norms(width, [f"{decoder}.layernorm_embedding", f"{decoder}.layer_norm"]),
        "decoder.model.lm_head.weight": (sizes.vocabulary, width),
    }
    for layer in (f"{decoder}.layers.{number}" for number in range(sizes.decoder_layer)):
        names = ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")
        shapes.update(_norms(width, [f"{layer}.{name}" for name in names]))
        for attention in ("self_attn", "encoder_attn"):
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes.update(_linear(f"{layer}.{attention}.{part}", width, width))
        shapes.update(_linear(f"{layer}.fc1", inner, width))
        shapes.update(_linear(f"{layer}.fc2", width, inner))
    return shapes
