"""Loads a whole model that donut-python pickled: its weights, its sizes and its tokenizer.

Reading it runs whatever code the file names, so it is done only where ALLOW_PICKLED_MODEL permits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from donut_configuration import longest_result, read_sizes
from donut_model import Donut, DonutSettings
from library_network import HAS_DONUT_PYTHON
from model_folder import ModelFolderError
from piece_tokenizer import DEFAULT_ROLES, PieceTokenizer
from weight_checks import fitting_weights
from weight_files import UNRESTRICTED

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path) -> Donut:
    """Loads the file.

    Raises:
        ModelFolderError: It holds something else, or this image has no donut-python to read it with.
    """
    folder = path.parent
    if not HAS_DONUT_PYTHON:
        raise ModelFolderError(
            f"{folder.name}/{path.name} is a pickled model of donut-python, which this image does not have: open it on "
            "the image pytorch-1.11, and save model.state_dict() there, with config.json and sentencepiece.bpe.model."
        )
    from donut_library import DonutModel  # other forms need no library

    model = torch.load(str(path), map_location="cpu", **UNRESTRICTED)
    if not isinstance(model, DonutModel):
        raise ModelFolderError(f"{folder.name}/{path.name} is a pickled {type(model).__name__}, not a DonutModel.")
    theirs = model.decoder.tokenizer
    tokenizer = PieceTokenizer(
        theirs.sp_model.serialized_model_proto(), {role: str(getattr(theirs, role)) for role in DEFAULT_ROLES}
    )
    added = theirs.get_added_vocab()
    tokenizer.add_tokens(sorted(added, key=added.__getitem__))
    configuration = model.config.to_dict()
    sizes = read_sizes(folder, configuration, len(tokenizer))
    settings = DonutSettings(
        max_length=longest_result(folder, configuration),
        forbidden_tokens=[tokenizer.unknown],
        forced_end=model.decoder.model.config.forced_eos_token_id,
        align_long_axis=bool(model.encoder.align_long_axis),
    )
    return Donut(sizes, settings, tokenizer, fitting_weights(model.state_dict(), sizes, folder, path.name))
