"""Checks that the weights of a file are those that the sizes and the tokenizer of a model ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from model_folder import ModelFolderError
from network_sizes import computed_shapes, weight_shapes

if TYPE_CHECKING:
    from pathlib import Path

    from network_sizes import NetworkSizes

_NAMES_SHOWN = 3
EMBEDDING, HEAD = "decoder.model.model.decoder.embed_tokens.weight", "decoder.model.lm_head.weight"
# Computed from the sizes, and written by some versions of transformers.
_COMPUTED_THERE = (".relative_position_index", ".position_ids")


def fitting_weights(
    found: object, sizes: NetworkSizes, folder: Path, file: str, *, is_tied: bool = True
) -> dict[str, torch.Tensor]:
    """Returns the weights of a network, in single precision.

    Args:
        found: What a file held, by the names of weight_shapes.
        sizes: Of the network.
        folder: Of the model.
        file: The name of the file, or of the index of shards.
        is_tied: Whether the embedding and the output layer are the same, so that one of them may be missing.

    Raises:
        ModelFolderError: It is no state_dict; weights are missing, unknown, quantised, infinite or of another shape.
    """
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ModelFolderError(f"{folder.name}/{file} is not a state_dict: save the result of model.state_dict().")
    weights = dict(found)
    if is_tied:
        for one, other in ((EMBEDDING, HEAD), (HEAD, EMBEDDING)):
            if one not in weights and other in weights:
                weights[one] = weights[other]
    wanted = weight_shapes(sizes)
    _check(weights, wanted, computed_shapes(sizes), folder, file)
    single = {name: weights[name].float() for name in wanted}
    for name, value in single.items():
        if not bool(torch.isfinite(value).all()):
            raise ModelFolderError(f"The weights {name} in {folder.name}/ hold NaN or infinity: the training failed.")
    return single


def _check(
    weights: dict[str, torch.Tensor],
    wanted: dict[str, tuple[int, ...]],
    computed: dict[str, tuple[int, ...]],
    folder: Path,
    file: str,
) -> None:
    shapes = {**computed, **wanted}
    known = weights.keys() & shapes.keys()
    faults = {
        "missing": wanted.keys() - weights.keys(),
        "unknown": {name for name in weights.keys() - shapes.keys() if not name.endswith(_COMPUTED_THERE)},
        "of another shape": {name for name in known if tuple(weights[name].shape) != shapes[name]},
        "quantised": {name for name in known & wanted.keys() if not weights[name].is_floating_point()},
    }
    counts = [
        f"{len(names)} {fault} ({', '.join(sorted(names)[:_NAMES_SHOWN])})" for fault, names in faults.items() if names
    ]
    if counts:
        raise ModelFolderError(
            f"{folder.name}/{file} does not fit {folder.name}/config.json and the tokenizer; of its weights: "
            f"{', '.join(counts)}."
        )
