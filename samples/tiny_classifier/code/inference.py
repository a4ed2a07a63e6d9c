"""The four functions that the serving toolkit calls: which shape is on a small grey image.

A request is JSON, {"pixels": sixteen lists of sixteen numbers from 0 (black) to 1 (white)}; so is the result,
{"shape": ..., "confidence": ..., "model_version": ...}.
"""

import json
import os
from http import HTTPStatus

import torch
from sagemaker_inference.errors import BaseInferenceToolkitError

from network import SHAPES, SIDE, ShapeNetwork, probabilities

JSON = "application/json"
_FORM = f'send {{"pixels": {SIDE} lists of {SIDE} numbers from 0 to 1}}'


class RequestError(BaseInferenceToolkitError):
    """A request that the caller must correct; the sentence is ASCII: other characters end TorchServe's worker."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(status.value, sentence, status.phrase)


def model_fn(model_dir: str) -> ShapeNetwork:
    """Loads the network, once for each worker."""
    network = ShapeNetwork()
    network.load_state_dict(torch.load(os.path.join(model_dir, "my_model", "model.pth"), map_location="cpu"))  # noqa: PTH118 - torch 1.11 takes no Path
    return network.eval()


def input_fn(body: str, content_type: str) -> torch.Tensor:
    """Reads one request: an image, (1, 1, 16, 16)."""
    if (content_type or "").split(";")[0].strip().lower() != JSON:
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The content type has to be {JSON}: {_FORM}.")
    try:
        pixels = torch.tensor(json.loads(body)["pixels"], dtype=torch.float32)
    except (ValueError, TypeError, KeyError, RuntimeError):
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The request is not valid: {_FORM}.") from None
    # A comparison with NaN is false: written this way round, it is rejected, too.
    if pixels.shape != (SIDE, SIDE) or not bool(((pixels >= 0) & (pixels <= 1)).all()):
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The pixels are not {SIDE} by {SIDE} from 0 to 1: {_FORM}."
        )
    return pixels[None, None]


def predict_fn(image: torch.Tensor, network: ShapeNetwork) -> "dict[str, object]":
    """Finds the most likely shape."""
    confidence, index = probabilities(network, image)[0].max(dim=0)
    return {"shape": SHAPES[int(index)], "confidence": round(float(confidence), 4)}


def output_fn(prediction: "dict[str, object]", accept: str) -> str:
    """Serialises the result, always as JSON."""
    del accept
    return json.dumps({**prediction, "model_version": os.environ.get("MODEL_VERSION")})
