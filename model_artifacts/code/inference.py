"""The functions that the serving toolkit calls: model_fn once per worker, then input_fn, predict_fn and output_fn.

A request carries a document, an image or a PDF, or a JSON envelope around one (request_parsing.py). The response holds
its fields as JSON or JSON Lines, with a confidence for each (results.py). An invalid request gets a 4xx status and one
ASCII sentence; the worker continues with the next request. Requests of one TorchServe batch are processed together
(batching.py, document_processor.py); the four functions are the same steps for a single request.

Settings by environment variable: DONUT_TASK_PROMPT and ALLOW_PICKLED_MODEL (donut_loading.py), MAX_PAGES,
MAX_IMAGE_PIXELS, DOCUMENT_SECONDS and DOCUMENT_MEMORY_MB (limits.py), MODEL_VERSION (results.py), OMP_NUM_THREADS and
SAGEMAKER_MODEL_SERVER_WORKERS (cpu_tuning.py).
"""

from __future__ import annotations

# First: it puts the archive's own packages on the import path.
import vendored  # noqa: F401 - imported for its effect

# isort: split

# Second: what it starts is to be ready when the model is.
from started_renderer import renderer

# isort: split

import logging
from pathlib import Path
from typing import Any, Sequence

from sagemaker_inference import content_types

import batching
import results
from calibration import load_calibration
from cpu_tuning import tune_cpu
from document_processor import DocumentProcessor, PageResult
from donut_loading import load_model
from limits import Limits
from request_errors import RequestError, failure
from request_parsing import InferenceRequest, parse_request

# The toolkit decodes bodies of these types (JSON, CSV) before input_fn sees them and returns 500 if that fails.
content_types.UTF8_TYPES.clear()

MODEL_FOLDER = "my_model"

logger = logging.getLogger(__name__)


def model_fn(model_dir: str, context: Any = None) -> DocumentProcessor:
    """Loads the model from the archive's `my_model/` and installs the processing of whole batches.

    Args:
        model_dir: Folder the archive was unpacked into.
        context: TorchServe's context, which tells the GPU of this worker; older toolkits hand over none.

    Raises:
        ModelFolderError: The folder holds no loadable model, or a calibration that is invalid or another model's.
        SettingError: A limit's environment variable has an invalid value.
        DrawingStartError: The process that draws documents does not start.
    """
    Limits.from_environment()
    tune_cpu()
    gpu = context.system_properties.get("gpu_id") if context is not None else None
    folder = Path(model_dir) / MODEL_FOLDER
    model = load_model(folder, gpu)
    processor = DocumentProcessor(model, renderer, load_calibration(folder, model.config.weights_file))
    renderer.wait_until_ready()
    batching.install(process_batch)
    return processor


def input_fn(body: Any, content_type: str | None, context: Any = None) -> InferenceRequest:
    """Parses one request.

    Args:
        body: The request's body; None where the server found none.
        content_type: The request's content type.
        context: TorchServe's context, whose first request this is; used for its custom attributes.

    Raises:
        RequestError: 400 or 415: the request is invalid or not supported.
    """
    headers = context.request_processor[0].get_request_properties() if context is not None else {}
    attributes = batching.request_from_body(body, headers).custom_attributes
    return parse_request(body, content_type, attributes, Limits.from_environment())


def predict_fn(request: InferenceRequest, processor: DocumentProcessor) -> list[PageResult]:
    """Processes one request's pages.

    Args:
        request: What input_fn returned.
        processor: What model_fn returned.

    Raises:
        RequestError: 400, 413 or 422: the document is invalid or beyond a limit; 500 if the model fails. The worker
            continues.
    """
    outcome = processor.process([request])[0]
    if isinstance(outcome, RequestError):
        raise outcome
    return outcome


def output_fn(pages: list[PageResult], accept: str | None) -> tuple[str, str]:
    """Serialises the result.

    Args:
        pages: What predict_fn returned.
        accept: The request's Accept header: a list of media ranges, or None for any.

    Returns:
        The text and its content type.

    Raises:
        RequestError: 406: none of the accepted media types is supported.
    """
    content_type = results.negotiated_type(accept)
    return results.write(pages, content_type), content_type


def process_batch(
    processor: DocumentProcessor, requests: Sequence[batching.BatchRequest]
) -> list[batching.BatchResponse | RequestError]:
    """Processes the requests of a batch, each with its own headers; one that fails does not affect the others.

    Args:
        processor: What model_fn returned.
        requests: The batch's requests.
    """
    limits = Limits.from_environment()
    parsed: list[tuple[str, InferenceRequest] | RequestError] = [_parse(request, limits) for request in requests]
    outcomes = iter(processor.process([entry[1] for entry in parsed if not isinstance(entry, RequestError)]))
    responses: list[batching.BatchResponse | RequestError] = []
    for entry in parsed:
        outcome = entry if isinstance(entry, RequestError) else next(outcomes)
        if isinstance(entry, RequestError) or isinstance(outcome, RequestError):
            responses.append(outcome)
        else:
            responses.append(batching.BatchResponse(results.write(outcome, entry[0]), entry[0]))
    return responses


def _parse(request: batching.BatchRequest, limits: Limits) -> tuple[str, InferenceRequest] | RequestError:
    try:
        # First, because a document whose result nobody accepts need not be opened.
        content_type = results.negotiated_type(request.accept)
        return content_type, parse_request(request.body, request.content_type, request.custom_attributes, limits)
    except RequestError as error:
        return error
    except Exception as error:
        logger.exception("A request could not be parsed.")
        return failure(error)
