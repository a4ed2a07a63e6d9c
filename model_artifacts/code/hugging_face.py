"""Loads a Donut that Hugging Face's transformers saved: a VisionEncoderDecoderModel of DonutSwin and MBart.

Its weights are those of donut-python under other names (weight_names), and the network is the same. The rules are those
of transformers 4.24 to 5: modeling_donut_swin.py, image_processing_donut.py, and convert_donut_to_pytorch.py, which
went the other way.

Greedy decoding gives the tokens of `generate` with the unknown token forbidden, as Donut's model cards call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import vocabulary
from donut_model import Donut, DonutSettings
from hugging_face_settings import CheckpointSettings
from model_folder import ModelFolderError
from network_sizes import NetworkSizes, SizesError, weight_shapes
from weight_checks import fitting_weights
from weight_files import read_pretrained_weights
from weight_names import from_transformers

if TYPE_CHECKING:
    from pathlib import Path

    from piece_tokenizer import PieceTokenizer

MODEL_TYPE = "vision-encoder-decoder"


def load(folder: Path, configuration: dict[str, Any], file: str) -> Donut:
    """Loads the model in a folder.

    Args:
        folder: Holds the weights, the tokenizer and, where there are any, preprocessor_config.json and
            generation_config.json.
        configuration: What config.json holds.
        file: The file of the weights, or the index of its shards.

    Raises:
        ModelFolderError: It is another kind of model, a file is missing, or files do not fit each other.
    """
    settings = CheckpointSettings.from_folder(folder, configuration)
    tokenizer = vocabulary.read_tokenizer(folder)
    settings.check_end(folder, tokenizer.end)
    sizes = _sizes(folder, settings, len(tokenizer))
    forbidden = settings.forbidden(folder, tokenizer.unknown, tokenizer.end)
    mean, deviation = settings.normalisation
    config = DonutSettings(
        max_length=settings.longest,
        # A vocabulary may be larger than the tokenizer, for speed: no token has the ids beyond.
        forbidden_tokens=[*forbidden, *range(len(tokenizer), sizes.vocabulary)],
        forced_end=settings.forced_end(folder, tokenizer.end),
        # transformers attends to a padding token that the decoder writes; donut-python does not.
        hides_padding=False,
        align_long_axis=bool(settings.images.get("do_align_long_axis", False)),
        resample=settings.resample,
        mean=tuple(mean),
        deviation=tuple(deviation),
        task_prompt=_start_token(tokenizer, settings) or "",
    )
    found = from_transformers(read_pretrained_weights(folder), set(weight_shapes(sizes)))
    return Donut(sizes, config, tokenizer, fitting_weights(found, sizes, folder, file, is_tied=settings.is_tied))


def _sizes(folder: Path, settings: CheckpointSettings, tokens: int) -> NetworkSizes:
    encoder, decoder = settings.encoder, settings.decoder
    height, width = _checked_page(folder, settings.page_size)
    rows = decoder.get("vocab_size", tokens)
    if tokens > rows:
        raise ModelFolderError(
            f"The tokenizer in {folder.name}/ has {tokens} tokens and the model {rows}: one of them is another model's."
        )
    try:
        return NetworkSizes(
            input_size=(height, width),
            window_size=encoder.get("window_size", 7),
            encoder_layer=tuple(encoder.get("depths", [2, 2, 6, 2])),
            encoder_embed_dim=encoder.get("embed_dim", 96),
            encoder_heads=tuple(encoder.get("num_heads", [3, 6, 12, 24])),
            decoder_layer=decoder.get("decoder_layers", 12),
            decoder_heads=decoder.get("decoder_attention_heads", 16),
            decoder_ffn_dim=decoder.get("decoder_ffn_dim", 4096),
            max_position_embeddings=decoder.get("max_position_embeddings", 1024),
            vocabulary=rows,
            activation=decoder.get("activation_function", "gelu"),
            scale_embedding=bool(decoder.get("scale_embedding", False)),
        )
    except SizesError as error:
        raise ModelFolderError(
            f"{folder.name}: {error}; set sizes in preprocessor_config.json and config.json that fit."
        ) from None


def _checked_page(folder: Path, size: list[Any]) -> list[int]:
    if any(isinstance(side, bool) or not isinstance(side, int) for side in size):
        raise ModelFolderError(f'{folder.name}/ has pages of "size" {size!a}: give whole numbers of pixels.')
    return size


def _start_token(tokenizer: PieceTokenizer, settings: CheckpointSettings) -> str | None:
    """Returns the token that starts a result: the files' own, or the only one that opens no field."""
    names = {id_: name for name, id_ in tokenizer.added.items() if name.startswith("<s_")}
    for section in (settings.generation, settings.model, settings.decoder):
        if section.get("decoder_start_token_id") in names:
            return names[section["decoder_start_token_id"]]
    starts = [name for name in names.values() if name.replace("<s_", "</s_", 1) not in tokenizer.added]
    return starts[0] if len(starts) == 1 else None
