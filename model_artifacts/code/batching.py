"""Hands the requests that TorchServe brings together to the model together.

The serving toolkit's `Transformer.transform` gets them as a list and calls the handlers once for each: nothing is
computed together, the first request's content type counts for all of them, and one that fails fails them all.
`install` puts a function of ours in its place, which sees every request with its own headers and answers each with its
own status. It also keeps the toolkit's traceback out of the answers.

The model is loaded as ever, by `model_fn`; and where nothing was installed, the toolkit's own way still works.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Callable, Mapping, Sequence

from sagemaker_inference.transformer import Transformer

from refusals import Refusal

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_FAILED = "text/plain"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One request as it came.

    Attributes:
        body: Bytes; of JSON and text what TorchServe made of them; None where there is no body.
        content_type: Its header of that name.
        accept: Its header of that name.
        custom_attributes: Its header X-Amzn-SageMaker-Custom-Attributes.
    """

    body: Any
    content_type: str | None
    accept: str | None
    custom_attributes: str | None


@dataclass(frozen=True)
class Reply:
    """One answer: its text and content type."""

    text: str
    content_type: str


Answer = Callable[[Any, Sequence[Call]], "Sequence[Reply | Refusal]"]


def install(answer: Answer) -> None:
    """Have every batch answered by a function.

    Args:
        answer: Takes what `model_fn` returned and the batch's requests; returns one reply or refusal for each.
    """

    def transform(self: Any, data: Sequence[Mapping[str, Any]], context: Any) -> list[str]:
        self.validate_and_initialize(model_dir=context.system_properties.get("model_dir"), context=context)
        calls = [
            call_of(item.get("body"), processor.get_request_properties())
            for item, processor in zip(data, context.request_processor)
        ]
        replies = _answers(answer, self._model, calls)
        _send_no_headers(context, [_FAILED if isinstance(each, Refusal) else each.content_type for each in replies])
        return [_told(context, index, reply) for index, reply in enumerate(replies)]

    Transformer.transform = transform


def call_of(body: Any, headers: Mapping[str, str]) -> Call:
    """Return a request of a body and its headers, whose names may be written in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type")
    return Call(body, content_type, lower.get("accept"), lower.get(CUSTOM_ATTRIBUTES))


def _answers(answer: Answer, model: Any, calls: Sequence[Call]) -> Sequence[Reply | Refusal]:
    try:
        return answer(model, calls)
    except Exception:
        logger.exception("A batch of %d requests failed.", len(calls))
        failure = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "The model server failed on this batch: its log says why.")
        return [failure] * len(calls)


def _send_no_headers(context: Any, content_types: Sequence[str]) -> None:
    """Have TorchServe take each response's content type from the field of its own, and no headers beside it.

    The worker would send the content type as a header too. TorchServe 0.6.0 gives up on a response whose headers are
    cut by the end of its read buffer, and on the worker with it: its whole batch fails (CodecUtils.readMap; reported as
    pytorch/serve#734 and #1150).
    """
    context.get_response_content_type = content_types.__getitem__
    context.get_response_headers = lambda _: {}


def _told(context: Any, index: int, reply: Reply | Refusal) -> str:
    """Tell TorchServe one response's status, and return its text."""
    if isinstance(reply, Refusal):
        context.set_response_status(code=reply.status_code, phrase=reply.phrase, idx=index)
        return str(reply)
    return reply.text
