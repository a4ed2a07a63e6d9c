"""What the serving toolkit calls: model_fn once a worker, then input_fn, predict_fn and output_fn for each document.

In: one image (`application/x-image`, `image/png` or `image/jpeg`) as the request's body. Out: JSON,

    {"predictions": [{"store": "BLUE CAFE", "date": "2024-05-17", "total": "41.90"}]}

one prediction for the one document, with the fields that the model was trained on: what donut-python's
`DonutModel.inference` returns. A request that cannot be served gets a 4xx status and one ASCII sentence (a message
with any other character ends TorchServe's worker), and the worker goes on with the next.

Settings by environment variable: DONUT_TASK_PROMPT and ALLOW_PICKLED_MODEL (donut_loading), OMP_NUM_THREADS.
"""

from __future__ import annotations

import io
import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from sagemaker_inference import content_types
from sagemaker_inference.errors import BaseInferenceToolkitError

from donut_loading import load_model

if TYPE_CHECKING:
    from donut_library import DonutModel

# The toolkit decodes bodies of these types (JSON, CSV) before input_fn sees them and answers 500 where that fails.
# Here they are refused whatever they hold, so nothing is decoded.
content_types.UTF8_TYPES.clear()

MODEL_FOLDER = "my_model"
CONTENT_TYPES = ("application/x-image", "image/jpeg", "image/png")
JSON_TYPE = "application/json"
JSON_RANGES = (JSON_TYPE, "application/*", "*/*")
# Formats that Pillow reads by itself: some of the others start programs.
IMAGE_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
# Donut scales the shorter side to its canvas first: a thin strip would grow to gigabytes on the way.
MOST_TIMES_LONGER = 25


def model_fn(model_dir: str) -> DonutModel:
    """Load the model from the archive's `my_model/`.

    Args:
        model_dir: Folder the archive was unpacked into.

    Raises:
        ModelFolderError: The folder holds no model that can be loaded.
    """
    return load_model(Path(model_dir) / MODEL_FOLDER)


def input_fn(body: bytes | None, content_type: str | None) -> Image.Image:
    """Decode the request's image.

    Args:
        body: The request's body; None where the server found none.
        content_type: The request's content type; parameters after a semicolon are ignored.

    Returns:
        The first frame, in RGB.

    Raises:
        BaseInferenceToolkitError: 415 for another content type, 400 for a body that is not an image.
    """
    media_type = (content_type or "").split(";")[0].strip().lower()
    if media_type not in CONTENT_TYPES:
        raise _refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The content type {media_type!a} is not served: send an image as {', '.join(CONTENT_TYPES)}.",
        )
    if not body:
        raise _refusal(HTTPStatus.BAD_REQUEST, "The body is empty: send the bytes of one image.")
    try:
        image = Image.open(io.BytesIO(body), formats=IMAGE_FORMATS).convert("RGB")
    except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds for broken files, and each means the same here
        raise _refusal(
            HTTPStatus.BAD_REQUEST,
            f"The body ({len(body)} bytes) is not a readable image: send one whole file of {', '.join(IMAGE_FORMATS)}.",
        ) from None
    if max(image.size) > MOST_TIMES_LONGER * min(image.size):
        raise _refusal(
            HTTPStatus.BAD_REQUEST,
            f"The image is {image.width}x{image.height} pixels: its longer side must be at most {MOST_TIMES_LONGER} "
            "times the shorter; crop it to the document.",
        )
    return image


def predict_fn(image: Image.Image, model: DonutModel) -> dict[str, Any]:
    """Read one document.

    Args:
        image: Any size; donut-python scales and pads it to the model's canvas.
        model: What model_fn returned.

    Returns:
        `{"predictions": [fields]}`.

    Raises:
        BaseInferenceToolkitError: 500 when the model fails; the worker goes on.
    """
    try:
        with torch.no_grad():
            return model.inference(image=image, prompt=model.config.task_prompt)
    except Exception as error:  # noqa: BLE001 - whatever it says, it must reach the client in ASCII
        raise _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"The model failed on this image: {str(error)!a}.") from None


def output_fn(prediction: dict[str, Any], accept: str | None) -> tuple[str, str]:
    """Write the answer.

    Args:
        prediction: What predict_fn returned.
        accept: The request's Accept header: a list of media ranges, or None for any.

    Returns:
        The JSON text and its content type.

    Raises:
        BaseInferenceToolkitError: 406 when JSON is not among what the client accepts.
    """
    ranges = [part.split(";")[0].strip().lower() for part in (accept or JSON_TYPE).split(",")]
    if not any(media_range in JSON_RANGES for media_range in ranges):
        raise _refusal(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Answers in {accept!a} are not served: accept {JSON_TYPE} or leave Accept out.",
        )
    return json.dumps(prediction), JSON_TYPE


def _refusal(status: HTTPStatus, sentence: str) -> BaseInferenceToolkitError:
    return BaseInferenceToolkitError(status.value, sentence, status.phrase)
