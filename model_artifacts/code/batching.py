"""Processes the requests of a batch together.

The serving toolkit's `Transformer.transform` gets a batch as a list and calls the handlers once per request: nothing is
computed together, the first request's content type is used for all of them, and one that fails fails them all.
`install` replaces it: every request has its own headers and gets its own status, and no response holds a traceback.
`model_fn` still loads the model. Without `install`, the toolkit's own method is used.

Multi Model Server has no batches. There, model_process.py collects them and calls the installed function; if the
archive has no MAR-INF/MANIFEST.json, the Hugging Face toolkit calls it with one request at a time.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Callable, Mapping, Sequence

from sagemaker_inference.transformer import Transformer

from request_errors import RequestError

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_FAILED = "text/plain"
_HUGGING_FACE = "sagemaker_huggingface_inference_toolkit"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchRequest:
    """One request of a batch.

    Attributes:
        body: Bytes, or what TorchServe decoded from JSON or text; None without a body.
        content_type: Its header of that name.
        accept: Its header of that name.
        custom_attributes: Its header X-Amzn-SageMaker-Custom-Attributes.
    """

    body: Any
    content_type: str | None
    accept: str | None
    custom_attributes: str | None


@dataclass(frozen=True)
class BatchResponse:
    """A successful response: its text and content type."""

    text: str
    content_type: str


ProcessBatch = Callable[[Any, Sequence[BatchRequest]], "Sequence[BatchResponse | RequestError]"]

_installed: ProcessBatch | None = None


def install(process: ProcessBatch) -> None:
    """Installs the function that processes every batch.

    Args:
        process: Takes what `model_fn` returned and the batch's requests; returns a response or an error for each.
    """

    def transform(self: Any, data: Sequence[Mapping[str, Any]], context: Any) -> list[str]:
        self.validate_and_initialize(model_dir=context.system_properties.get("model_dir"), context=context)
        requests = [
            request_from_body(item.get("body"), processor.get_request_properties())
            for item, processor in zip(data, context.request_processor)
        ]
        return _answer(context, responses(process, self._model, requests))

    def transform_one(self: Any, model: Any, body: Any, *_: Any, **__: Any) -> str:
        headers = self.context.request_processor[0].get_request_properties()
        return _answer(self.context, responses(process, model, [request_from_body(body, headers)]))[0]

    global _installed  # noqa: PLW0603 - the toolkits' own methods are replaced for the whole process, too
    _installed = process
    Transformer.transform = transform
    if f"{_HUGGING_FACE}.handler_service" in sys.modules:  # else that toolkit does not call us
        sys.modules[f"{_HUGGING_FACE}.handler_service"].HuggingFaceHandlerService.transform_fn = transform_one
        # It would decode bodies of these types, and return 400 where that fails.
        sys.modules[f"{_HUGGING_FACE}.content_types"].UTF8_TYPES.clear()


def installed() -> ProcessBatch | None:
    """Returns the function that `install` was called with; None before that."""
    return _installed


def request_from_body(body: Any, headers: Mapping[str, Any]) -> BatchRequest:
    """Returns the request with this body and these headers, whose names may be in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type")
    return BatchRequest(body, content_type, lower.get("accept"), lower.get(CUSTOM_ATTRIBUTES))


def responses(
    process: ProcessBatch, model: Any, requests: Sequence[BatchRequest]
) -> Sequence[BatchResponse | RequestError]:
    """Returns the responses to a batch; status 500 for each of its requests if `process` raises an error."""
    try:
        return process(model, requests)
    except Exception:
        logger.exception("A batch of %d requests failed.", len(requests))
        failure = RequestError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "The model server failed on this batch: its log says why."
        )
        return [failure] * len(requests)


def _answer(context: Any, batch: Sequence[BatchResponse | RequestError]) -> list[str]:
    """Sets statuses and content types of a batch's responses and returns their texts."""
    _send_no_headers(context, [_FAILED if isinstance(each, RequestError) else each.content_type for each in batch])
    return [_set_status(context, index, response) for index, response in enumerate(batch)]


def _send_no_headers(context: Any, content_types: Sequence[str]) -> None:
    """Makes TorchServe send each response's content type in its own field, and no headers beside it.

    The worker would send the content type as a header too. TorchServe 0.6.0 gives up on a response whose headers are
    cut by the end of its read buffer, and on the worker with it: its whole batch fails (CodecUtils.readMap; reported as
    pytorch/serve#734 and #1150).
    """
    context.get_response_content_type = content_types.__getitem__
    context.get_response_headers = lambda _: {}


def _set_status(context: Any, index: int, response: BatchResponse | RequestError) -> str:
    """Sets the status of one response and returns its text."""
    if isinstance(response, RequestError):
        context.set_response_status(code=response.status_code, phrase=response.phrase, idx=index)
        return str(response)
    return response.text
