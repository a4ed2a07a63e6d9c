"""The baseline handler: one image per request through the stock `DonutModel.inference`.

It replaces `inference.py` in a copy of the archive; loading and everything else are the same.
"""

from __future__ import annotations

# First: it puts the archive's own packages on the import path.
import vendored  # noqa: F401 - imported for its effect

# isort: split

import io
import json
from pathlib import Path

from PIL import Image
import torch

from donut_loading import load_model
import library_network


def model_fn(model_dir):
    """Loads the model and makes donut-python's network of it."""
    return library_network.network(load_model(Path(model_dir) / "my_model"))


def input_fn(body, content_type):
    """Decodes the image."""
    del content_type
    return Image.open(io.BytesIO(body)).convert("RGB")


def predict_fn(image, model):
    """Reads it."""
    with torch.no_grad():
        return model.inference(image=image, prompt=model.config.task_prompt)


def output_fn(prediction, accept):
    """Writes the fields."""
    del accept
    return json.dumps(prediction), "application/json"
