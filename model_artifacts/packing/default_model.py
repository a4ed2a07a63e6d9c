"""What an image's toolkit loads by itself, where the code has no model_fn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.protocol.serving_images import ModelServer
from model_artifacts.packing import torchscript

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

# HuggingFaceHandlerService.load in handler_service.py of sagemaker-huggingface-inference-toolkit 2.6.0: a pipeline of
# transformers, or of diffusers, from the top of the archive.
_PIPELINES = ("config.json", "model_index.json")

TORCHSCRIPT = "one TorchScript file from the top of the archive"
PIPELINE = "a pipeline of transformers or diffusers from the top of the archive"


def kind(image: ServingImage) -> str:
    """Returns a description of the model that an image's toolkit loads without code."""
    return TORCHSCRIPT if image.server is ModelServer.TORCHSERVE else PIPELINE


def reason_against(files: Mapping[str, Path], image: ServingImage) -> str | None:
    """Returns why an image's toolkit cannot load the model of an archive by itself; None if it may."""
    if image.server is ModelServer.TORCHSERVE:
        return torchscript.reason_against_default(files)
    return None if any(name in files for name in _PIPELINES) else f"there is no {' or '.join(_PIPELINES)}"
