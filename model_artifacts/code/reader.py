"""Reads the pages of several requests together, each request with its own end, good or bad."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

import torch

from answer_tokens import Fields, confidence_of, prediction_of, with_lists
from greedy_decoder import Decoded, GreedyDecoder
from refusals import Refusal, failure

if TYPE_CHECKING:
    from donut_library import DonutModel
    from requested import Requested

# Pages in the network at once: what speeds a CPU up has been had by then, and memory stays bounded.
PAGES_AT_ONCE = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageReading:
    """What one page says.

    Attributes:
        page: Its number, from 1.
        prediction: Its fields.
        confidence: Of each field, 0 to 1; None where it cannot be told.
        seconds: From drawing the page to its answer; the pages read together share the network's part.
        read_together: How many pages went through the network with it, itself included.
    """

    page: int
    prediction: Fields
    confidence: Fields | None
    seconds: float
    read_together: int


@dataclass(frozen=True)
class _Page:
    """A page on its way into the network."""

    request: int
    number: int
    tensor: torch.Tensor
    prompt: tuple[int, ...]
    seconds: float


class Reader:
    """A model, ready to read.

    Args:
        model: In evaluation mode, where it stays; as `load_model` returns it.
    """

    def __init__(self, model: DonutModel) -> None:
        self.model = model
        self._decoder = GreedyDecoder(model)
        self._device = next(model.parameters()).device
        self._dtype = next(model.parameters()).dtype

    def read(self, requests: Sequence[Requested]) -> list[list[PageReading] | Refusal]:
        """Read some requests' pages, those of different requests together.

        Returns:
            For each request its pages, or why it cannot be answered. One that cannot takes no other with it.
        """
        outcomes: list[list[PageReading] | Refusal] = [[] for _ in requests]
        chunk: list[_Page] = []
        for page in self._drawn(requests, outcomes):
            chunk.append(page)
            if len(chunk) == PAGES_AT_ONCE:
                self._read_pages(chunk, outcomes)
                chunk = []
        self._read_pages(chunk, outcomes)
        return outcomes

    def _drawn(self, requests: Sequence[Requested], outcomes: list[list[PageReading] | Refusal]) -> Iterator[_Page]:
        """Yield the pages of all requests as tensors; a request whose page cannot be drawn is refused."""
        for index, request in enumerate(requests):
            try:
                prompt = self._prompt_ids(request.task_prompt)
                for number in request.pages:
                    if isinstance(outcomes[index], Refusal):
                        break
                    began = time.monotonic()
                    image = request.document.page(number, min(self.model.config.input_size))
                    tensor = self.model.encoder.prepare_input(image)
                    yield _Page(index, number, tensor, prompt, time.monotonic() - began)
            except Refusal as refusal:
                outcomes[index] = refusal
            except Exception as error:  # noqa: BLE001 - one request's trouble must not be the others'
                outcomes[index] = failure(error)
            finally:
                request.document.close()

    def _prompt_ids(self, prompt: str | None) -> tuple[int, ...]:
        tokenizer = self.model.decoder.tokenizer
        ids = tokenizer(prompt or self.model.config.task_prompt, add_special_tokens=False)["input_ids"]
        if prompt is None:
            return tuple(ids)
        known = tokenizer.get_added_vocab()
        if not ids or ids[0] not in known.values() or tokenizer.unk_token_id in ids:
            shown = ", ".join(name for name in sorted(known) if name.startswith("<s_"))
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"The model does not know the task prompt {prompt[:80]!a}: it knows the tokens {shown[:400]}.",
            )
        if len(ids) >= self.model.config.max_length:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"The task prompt has {len(ids)} tokens and leaves no room for an answer: the model's whole length is "
                f"{self.model.config.max_length}.",
            )
        return tuple(ids)

    def _read_pages(self, pages: Sequence[_Page], outcomes: list[list[PageReading] | Refusal]) -> None:
        """Read pages of one or more requests and put what they say, or why not, to their requests."""
        waiting = [page for page in pages if not isinstance(outcomes[page.request], Refusal)]
        for same_length in _by_prompt_length(waiting):
            try:
                self._put(same_length, outcomes)
            except Exception as error:  # noqa: PERF203 - a batch is milliseconds long
                if len(same_length) > 1:
                    # Which page it was only each page alone can tell.
                    logger.exception("A batch of %d pages failed; they are read one by one.", len(same_length))
                    for page in same_length:
                        self._read_pages([page], outcomes)
                else:
                    logger.exception("The model failed on page %d.", same_length[0].number)
                    outcomes[same_length[0].request] = failure(error)

    def _put(self, pages: Sequence[_Page], outcomes: list[list[PageReading] | Refusal]) -> None:
        began = time.monotonic()
        readings = [self._reading(decoded) for decoded in self._decode(pages)]
        network = time.monotonic() - began
        for page, (prediction, confidence) in zip(pages, readings):
            outcome = outcomes[page.request]
            if isinstance(outcome, list):
                seconds = round(page.seconds + network, 4)
                outcome.append(PageReading(page.number, prediction, confidence, seconds, len(pages)))

    def _decode(self, pages: Sequence[_Page]) -> list[Decoded]:
        with torch.no_grad():
            images = torch.stack([page.tensor for page in pages]).to(self._device, self._dtype)
            return self._decoder.decode(self.model.encoder(images), [page.prompt for page in pages])

    def _reading(self, decoded: Decoded) -> tuple[Fields, Fields | None]:
        prediction = prediction_of(self.model, decoded.ids)
        confidence = confidence_of(self.model, decoded, prediction)
        lists = self.model.config.list_fields
        return with_lists(prediction, lists), None if confidence is None else with_lists(confidence, lists)


def _by_prompt_length(pages: Iterable[_Page]) -> list[list[_Page]]:
    groups: dict[int, list[_Page]] = {}
    for page in pages:
        groups.setdefault(len(page.prompt), []).append(page)
    return list(groups.values())


def use_the_processors() -> None:
    """Give this worker its share of the instance's processors, unless OMP_NUM_THREADS already says how many."""
    if not os.environ.get("OMP_NUM_THREADS"):
        workers = int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or 1)
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers))
