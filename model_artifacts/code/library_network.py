"""A model's network as the library that is there computes it: donut-python, or transformers where that is not there.

An image has one of the two. Its encoder runs on a GPU; the whole network is what the checks compare with, and what a
handler of one's own can call. Nothing else imports a library of networks.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from donut_model import Donut

HAS_DONUT_PYTHON = importlib.util.find_spec("donut") is not None


def encoder(model: Donut) -> nn.Module:
    """Returns the library's encoder: (pages, 3, height, width) to (pages, cells, hidden size).

    Args:
        model: With all of its weights; the encoder has copies, on the same device and in the same precision.
    """
    if HAS_DONUT_PYTHON:
        import donut_network  # only one of the two can be imported

        return donut_network.encoder(model)
    import transformers_network  # as above

    return transformers_network.encoder(model)


def network(model: Donut) -> Any:
    """Returns the library's whole network, in evaluation mode: a DonutModel, or a VisionEncoderDecoderModel.

    Args:
        model: As of `encoder`.
    """
    if HAS_DONUT_PYTHON:
        import donut_network  # as above

        return donut_network.network(model)
    import transformers_network  # as above

    return transformers_network.network(model)
