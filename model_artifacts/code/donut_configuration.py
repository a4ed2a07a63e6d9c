"""The sizes of a network from a config.json of donut-python, or of its kind with sizes of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_folder import ModelFolderError
from network_sizes import (
    STOCK_DECODER_FFN_DIM,
    STOCK_DECODER_HEADS,
    STOCK_EMBED_DIM,
    STOCK_ENCODER_HEADS,
    NetworkSizes,
    SizesError,
)

if TYPE_CHECKING:
    from pathlib import Path

# What donut.DonutConfig has where config.json is silent.
_DEFAULTS = {
    "input_size": [2560, 1920],
    "window_size": 10,
    "encoder_layer": [2, 2, 14, 2],
    "decoder_layer": 4,
    "max_length": 1536,
    "encoder_embed_dim": STOCK_EMBED_DIM,
    "encoder_heads": list(STOCK_ENCODER_HEADS),
    "decoder_heads": STOCK_DECODER_HEADS,
    "decoder_ffn_dim": STOCK_DECODER_FFN_DIM,
}
# Where config.json does not make a network of its own sizes, donut-python ignores these.
_WIDTHS = ("encoder_embed_dim", "encoder_heads", "decoder_heads", "decoder_ffn_dim")
_PAIR = 2


def is_sized(configuration: dict[str, Any]) -> bool:
    """Returns whether a configuration has widths of its own; without, the network is donut-python's stock one."""
    return "encoder_embed_dim" in configuration


def longest_result(folder: Path, configuration: dict[str, Any]) -> int:
    """Returns the most tokens of a result."""
    return _whole_number(folder, configuration, "max_length")


def read_sizes(folder: Path, configuration: dict[str, Any], vocabulary: int) -> NetworkSizes:
    """Returns the sizes that a configuration names.

    Args:
        folder: Of the model, for messages.
        configuration: What config.json holds.
        vocabulary: Tokens of the tokenizer.

    Raises:
        ModelFolderError: A size is not a whole number, or they fit no network.
    """
    input_size = _whole_numbers(folder, configuration, "input_size")
    if len(input_size) != _PAIR:
        raise ModelFolderError(f'"input_size" in {folder.name}/config.json must have a height and a width.')
    longest = longest_result(folder, configuration)
    positions = configuration.get("max_position_embeddings")
    numbers = {"max_position_embeddings": longest if positions is None else positions}
    own = is_sized(configuration)
    if not own:
        configuration = {name: value for name, value in configuration.items() if name not in _WIDTHS}
    try:
        return NetworkSizes(
            input_size=(input_size[0], input_size[1]),
            window_size=_whole_number(folder, configuration, "window_size"),
            encoder_layer=_whole_numbers(folder, configuration, "encoder_layer"),
            decoder_layer=_whole_number(folder, configuration, "decoder_layer"),
            max_position_embeddings=_whole_number(folder, numbers, "max_position_embeddings"),
            vocabulary=vocabulary,
            encoder_embed_dim=_whole_number(folder, configuration, "encoder_embed_dim"),
            encoder_heads=_whole_numbers(folder, configuration, "encoder_heads"),
            encoder_positions=own and bool(configuration.get("encoder_positions", True)),
            decoder_heads=_whole_number(folder, configuration, "decoder_heads"),
            decoder_ffn_dim=_whole_number(folder, configuration, "decoder_ffn_dim"),
        )
    except SizesError as error:
        raise ModelFolderError(f"The sizes in {folder.name}/config.json fit no network: {error}.") from None


def _whole_number(folder: Path, configuration: dict[str, Any], name: str) -> int:
    return _checked(folder, name, configuration.get(name, _DEFAULTS.get(name)))


def _whole_numbers(folder: Path, configuration: dict[str, Any], name: str) -> tuple[int, ...]:
    found = configuration.get(name) or _DEFAULTS[name]
    if not isinstance(found, list):
        raise ModelFolderError(f'"{name}" in {folder.name}/config.json is {found!a}: give a list of whole numbers.')
    return tuple(_checked(folder, name, each) for each in found)


def _checked(folder: Path, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ModelFolderError(f'"{name}" in {folder.name}/config.json is {value!a}: give whole numbers above 0.')
    return value
