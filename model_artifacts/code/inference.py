"""What the serving toolkit calls: model_fn once a worker, then input_fn, predict_fn and output_fn for each document.

In: a document as the request's body, an image or a PDF, or a JSON envelope around one (requested.py). Out: its fields
as JSON or JSON Lines, with a confidence for each (answers.py). A request that cannot be served gets a 4xx status and
one ASCII sentence, and the worker goes on with the next. Requests that TorchServe hands over together are read together
(batching.py, reader.py); the four functions are the same steps for one request alone.

Settings by environment variable: DONUT_TASK_PROMPT and ALLOW_PICKLED_MODEL (donut_loading.py), MAX_PAGES and
MAX_IMAGE_PIXELS (limits.py), MODEL_VERSION (answers.py), OMP_NUM_THREADS.
"""

from __future__ import annotations

# First: it puts the archive's own packages on the import path.
import vendored  # noqa: F401

# isort: split

import logging
from pathlib import Path
from typing import Any, Sequence

from sagemaker_inference import content_types

import answers
import batching
from donut_loading import load_model
from limits import Limits
from reader import PageReading, Reader, use_the_processors
from refusals import Refusal, failure
from requested import Requested, understand

# The toolkit decodes bodies of these types (JSON, CSV) before input_fn sees them and answers 500 where that fails.
content_types.UTF8_TYPES.clear()

MODEL_FOLDER = "my_model"

logger = logging.getLogger(__name__)


def model_fn(model_dir: str) -> Reader:
    """Load the model from the archive's `my_model/`, and have requests that come together read together.

    Args:
        model_dir: Folder the archive was unpacked into.

    Raises:
        ModelFolderError: The folder holds no model that can be loaded.
        SettingError: A limit's environment variable holds what it cannot.
    """
    Limits.of_environment()
    use_the_processors()
    reader = Reader(load_model(Path(model_dir) / MODEL_FOLDER))
    batching.install(answer_batch)
    return reader


def input_fn(body: Any, content_type: str | None, context: Any = None) -> Requested:
    """Understand one request.

    Args:
        body: The request's body; None where the server found none.
        content_type: The request's content type.
        context: TorchServe's, whose first request this is; for its custom attributes.

    Raises:
        Refusal: 400, 413, 415 or 422: it is no document that is served.
    """
    headers = context.request_processor[0].get_request_properties() if context is not None else {}
    attributes = batching.call_of(body, headers).custom_attributes
    return understand(body, content_type, attributes, Limits.of_environment())


def predict_fn(request: Requested, reader: Reader) -> list[PageReading]:
    """Read one request's pages.

    Args:
        request: What input_fn returned.
        reader: What model_fn returned.

    Raises:
        Refusal: A page cannot be read; 500 when it is the model that fails. The worker goes on.
    """
    outcome = reader.read([request])[0]
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def output_fn(readings: list[PageReading], accept: str | None) -> tuple[str, str]:
    """Write the answer.

    Args:
        readings: What predict_fn returned.
        accept: The request's Accept header: a list of media ranges, or None for any.

    Returns:
        The text and its content type.

    Raises:
        Refusal: 406 when nothing that the client accepts is served.
    """
    content_type = answers.answer_type(accept)
    return answers.write(readings, content_type), content_type


def answer_batch(reader: Reader, calls: Sequence[batching.Call]) -> list[batching.Reply | Refusal]:
    """Answer the requests of a batch: each by its own headers, and one that fails alone.

    Args:
        reader: What model_fn returned.
        calls: The requests.
    """
    limits = Limits.of_environment()
    understood: list[tuple[str, Requested] | Refusal] = [_understood(call, limits) for call in calls]
    requests = [entry[1] for entry in understood if not isinstance(entry, Refusal)]
    outcomes = iter(reader.read(requests))
    replies: list[batching.Reply | Refusal] = []
    for entry in understood:
        outcome = entry if isinstance(entry, Refusal) else next(outcomes)
        if isinstance(entry, Refusal) or isinstance(outcome, Refusal):
            replies.append(outcome)
        else:
            replies.append(batching.Reply(answers.write(outcome, entry[0]), entry[0]))
    return replies


def _understood(call: batching.Call, limits: Limits) -> tuple[str, Requested] | Refusal:
    try:
        # What cannot be answered need not be read.
        content_type = answers.answer_type(call.accept)
        return content_type, understand(call.body, call.content_type, call.custom_attributes, limits)
    except Refusal as refusal:
        return refusal
    except Exception as error:
        logger.exception("A request could not be understood.")
        return failure(error)
