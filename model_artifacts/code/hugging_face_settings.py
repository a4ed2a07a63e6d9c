"""What the JSON files of a Hugging Face checkpoint say, and which settings of them are not supported here.

A setting that is passed over in silence would give results that only look right, so each that changes a result is
followed or rejected by name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layer_arithmetic import ACTIVATIONS
from model_folder import ModelFolderError, read_object

if TYPE_CHECKING:
    from pathlib import Path

ENCODER, DECODER = "donut-swin", "mbart"
_PREPROCESSOR = "preprocessor_config.json"
# What DonutImageProcessor takes for both where the file has no other values.
_HALF = [0.5, 0.5, 0.5]
_BILINEAR = 2  # Pillow's number
MBART_END = 2  # MBartConfig's forced_eos_token_id where config.json has none
_RESCALE = 1 / 255
_STEPS = ("do_resize", "do_thumbnail", "do_pad", "do_rescale", "do_normalize")
# The values that this network has fixed.
_FIXED_ENCODER = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "mlp_ratio": 4.0,
    "num_channels": 3,
    "patch_size": 4,
    "qkv_bias": True,
    "use_absolute_embeddings": False,
}
_ENCODER_SIZES = ("window_size", "depths", "embed_dim", "num_heads")
_DECODER_SIZES = ("decoder_layers", "decoder_attention_heads", "decoder_ffn_dim", "max_position_embeddings")
_FIXED_DECODER = {"add_cross_attention": True, "add_final_layer_norm": True}
_ACTIVATION = "activation_function"
# Settings of `generate` that change a greedy result, with the values under which they do not; None always counts.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "do_sample": (False,),
    "num_beams": (1,),
    "num_beam_groups": (1,),
    "penalty_alpha": (0,),
    "repetition_penalty": (1,),
    "encoder_repetition_penalty": (1,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "min_length": (0,),
    "min_new_tokens": (),
    "max_new_tokens": (),
    "forced_bos_token_id": (),
    "forced_decoder_ids": ([],),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "sequence_bias": ({}, []),
    "exponential_decay_length_penalty": (),
    "guidance_scale": (1,),
    "diversity_penalty": (0,),
    "force_words_ids": ([],),
    "stop_strings": ([],),
    "watermarking_config": (),
    "max_time": (),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointSettings:
    """The files of a checkpoint, checked.

    Attributes:
        model: config.json.
        encoder: Its part of that name.
        decoder: Its part of that name.
        images: preprocessor_config.json, or the same part of processor_config.json; empty without both.
        generation: generation_config.json; without it, what config.json says, as in transformers.
    """

    model: dict[str, Any]
    encoder: dict[str, Any]
    decoder: dict[str, Any]
    images: dict[str, Any]
    generation: dict[str, Any]

    @classmethod
    def from_folder(cls, folder: Path, model: dict[str, Any]) -> CheckpointSettings:
        """Reads a folder's files.

        Raises:
            ModelFolderError: It is another kind of model, or has a setting that is not supported.
        """
        encoder, decoder = _parts(folder, model)
        images = read_object(folder, _PREPROCESSOR)
        if not images:
            images = read_object(folder, "processor_config.json").get("image_processor") or {}
        if images:
            _check_images(folder, images)
        else:
            logger.warning(
                "%s/ has no %s: pages are normalised with mean and deviation 0.5, transformers' default.",
                folder.name,
                _PREPROCESSOR,
            )
        generation = read_object(folder, "generation_config.json")
        if not generation:
            generation = {"forced_eos_token_id": MBART_END, **decoder, **model}
            # Nobody chose this one: older versions write out their default.
            generation.pop("max_length", None)
        for name, neutral in _NEUTRAL.items():
            if generation.get(name) is not None and generation[name] not in neutral:
                raise ModelFolderError(
                    f'{folder.name}/ has "{name}": {generation[name]!a} for generate: only greedy decoding is served; '
                    "remove it, if the model does without."
                )
        return cls(model, encoder, decoder, images, generation)

    @property
    def page_size(self) -> list[Any]:
        """Height and width of the pages; a list in preprocessor_config.json has the width first."""
        size = self.images.get("size")
        if isinstance(size, list):
            return size[::-1]
        if isinstance(size, dict):
            return [size.get("height"), size.get("width")]
        size = self.encoder.get("image_size", 224) if size is None else size
        return list(size) if isinstance(size, (list, tuple)) else [size, size]

    @property
    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel."""
        return self.images.get("image_mean") or _HALF, self.images.get("image_std") or _HALF

    @property
    def resample(self) -> int:
        """Pillow's filter."""
        found = self.images.get("resample")
        return _BILINEAR if found is None else int(found)

    @property
    def longest(self) -> int:
        """The most tokens of a result."""
        positions: int = self.decoder.get("max_position_embeddings", 1024)
        return min(self.generation.get("max_length") or positions, positions)

    def forced_end(self, folder: Path, end: int) -> int | None:
        """Returns the token that the last place of a result takes; None for any.

        Raises:
            ModelFolderError: It is another one than the end token.
        """
        found = self.generation.get("forced_eos_token_id")
        if found not in (None, end, [end]):
            raise ModelFolderError(
                f'{folder.name}/ has "forced_eos_token_id": {found!a}, and the tokenizer ends with {end}: make them '
                "equal."
            )
        return None if found is None else end

    @property
    def is_tied(self) -> bool:
        """Whether the decoder's output layer has the embedding's weights."""
        return bool(self.decoder.get("tie_word_embeddings", True))

    def forbidden(self, folder: Path, unknown: int, end: int) -> list[int]:
        """Returns the tokens that no result has: the unknown one, and those that the files forbid.

        Raises:
            ModelFolderError: The files forbid a sequence of tokens, or one that does not exist.
        """
        words = self.generation.get("bad_words_ids") or []
        tokens = self.decoder.get("vocab_size", 0)
        if any(not isinstance(word, list) or len(word) != 1 or word[0] not in range(tokens) for word in words):
            raise ModelFolderError(
                f'{folder.name}/ forbids {words!a} in "bad_words_ids": only single tokens of the vocabulary are '
                "supported."
            )
        # As in transformers, the end cannot be forbidden.
        return sorted({unknown, *(word[0] for word in words if word[0] != end)})

    def check_end(self, folder: Path, end: int) -> None:
        """Checks that a result ends with the tokenizer's end token.

        Raises:
            ModelFolderError: It ends with another one.
        """
        found = self.generation.get("eos_token_id")
        if found not in (None, end, [end]):
            raise ModelFolderError(
                f'{folder.name}/generation_config.json has "eos_token_id": {found!a}, and the tokenizer {end}: make '
                "them equal."
            )


def _parts(folder: Path, model: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    encoder, decoder = model.get("encoder"), model.get("decoder")
    if not isinstance(encoder, dict) or not isinstance(decoder, dict):
        raise ModelFolderError(
            f'{folder.name}/config.json has no "encoder" and "decoder", as vision-encoder-decoder has.'
        )
    kinds = encoder.get("model_type"), decoder.get("model_type")
    if kinds != (ENCODER, DECODER):
        raise ModelFolderError(
            f"{folder.name}/config.json is of a model of {kinds[0]!a} and {kinds[1]!a}: a Donut, of {ENCODER} and "
            f"{DECODER}, is served here; give another model an inference.py of its own."
        )
    if any(part.get("quantization_config") for part in (model, encoder, decoder)):
        raise ModelFolderError(f"{folder.name}/ is quantised: save the model in float32 or float16.")
    for name, part, sizes, fixed in (
        ("encoder", encoder, _ENCODER_SIZES, _FIXED_ENCODER),
        ("decoder", decoder, _DECODER_SIZES, _FIXED_DECODER),
    ):
        _check_part(f"{folder.name}/config.json", name, part, sizes, fixed)
    if (found := decoder.get(_ACTIVATION, "gelu")) not in ACTIVATIONS:
        raise ModelFolderError(
            f'{folder.name}/config.json has "{_ACTIVATION}": {found!a}: only {", ".join(sorted(ACTIVATIONS))} are '
            "supported."
        )
    return encoder, decoder


def _check_part(file: str, name: str, part: dict[str, Any], sizes: tuple[str, ...], fixed: dict[str, Any]) -> None:
    for setting in sizes:
        found = part.get(setting, 1)
        for value in found if isinstance(found, list) else [found]:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ModelFolderError(f'{file} has "{setting}": {found!a} in "{name}": give whole numbers.')
    for setting, value in fixed.items():
        if part.get(setting, value) != value:
            raise ModelFolderError(
                f'{file} has "{setting}": {part[setting]!a} in "{name}": only {value!a} is supported.'
            )


def _check_images(folder: Path, images: dict[str, Any]) -> None:
    kind = str(images.get("image_processor_type") or images.get("feature_extractor_type") or "Donut")
    if not kind.startswith("Donut"):
        raise ModelFolderError(f"{folder.name}/{_PREPROCESSOR} is of {kind!a}: pages are prepared as Donut's.")
    if skipped := [step for step in _STEPS if images.get(step) is False]:
        raise ModelFolderError(
            f"{folder.name}/{_PREPROCESSOR} leaves out {', '.join(skipped)}: Donut's own steps are served."
        )
    for name, least in (("image_mean", None), ("image_std", 0)):
        found = images.get(name) or _HALF
        is_sound = isinstance(found, list) and len(found) == len(_HALF) and all(_is_number(each) for each in found)
        if not is_sound or (least is not None and min(found) <= least):
            raise ModelFolderError(f'{folder.name}/{_PREPROCESSOR} has "{name}": {found!a}: give three numbers.')
    if abs(float(images.get("rescale_factor", _RESCALE)) - _RESCALE) > _RESCALE / 1000:
        raise ModelFolderError(
            f'{folder.name}/{_PREPROCESSOR} has "rescale_factor": {images["rescale_factor"]!a}: only 1/255 is '
            "supported."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
