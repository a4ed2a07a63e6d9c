"""Processes the pages of several requests together; each request has its own result or error."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

import torch

import library_network
from greedy_decoder import Decoded, GreedyDecoder
from orientation import Reading, read_upright
from page_canvas import Canvas
from page_rendering import BatchTime
from request_errors import RequestError, failure
from result_tokens import Fields, confidence_of, prediction_of, with_lists
from window_encoder import WindowEncoder

if TYPE_CHECKING:
    from PIL import Image

    from calibration import Calibration
    from donut_model import Donut
    from page_rendering import PageRenderer
    from request_parsing import InferenceRequest

# Pages in the network at once: more do not speed up a CPU, and the bound limits memory.
PAGES_AT_ONCE = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageResult:
    """The result of one page.

    Attributes:
        page: Its number, from 1.
        prediction: Its fields.
        confidence: Calibrated, of each field, 0 to 1; None if unknown or the model has no calibration.
        raw_confidence: The model's own probability of each field, 0 to 1; None if unknown.
        accept_threshold: The confidence from which fields can be accepted; None if the model has no calibration.
        certainty: The mean probability of the page's tokens, 0 to 1.
        turned: Degrees clockwise by which the page was turned for its result.
        passes: How often the page went through the network.
        seconds: From rendering the page to its result; pages processed together share the network's time.
        read_together: How many pages went through the network together, this one included.
        blank: Whether there is nothing to see on the page, so that its fields are invented.
    """

    page: int
    prediction: Fields
    confidence: Fields | None
    raw_confidence: Fields | None
    accept_threshold: float | None
    certainty: float
    turned: int
    passes: int
    seconds: float
    read_together: int
    blank: bool


@dataclass(frozen=True)
class RenderedPage:
    """A rendered page, ready for the network.

    Attributes:
        request: The index of its request.
        number: Its number, from 1.
        tensor: (3, height, width).
        turned_images: The page turned, by degrees clockwise; empty if it can only be upside down.
        prompt: Token ids of the task prompt.
        seconds: What rendering took.
        blank: Whether there is nothing to see on it.
    """

    request: int
    number: int
    tensor: torch.Tensor
    turned_images: Mapping[int, Image.Image]
    prompt: tuple[int, ...]
    seconds: float
    blank: bool


class DocumentProcessor:
    """Processes documents with a model.

    Args:
        model: As `load_model` returns it.
        renderer: Renders the pages of documents.
        calibration: Of this model; without it no confidence is calibrated and no page is turned.
    """

    def __init__(self, model: Donut, renderer: PageRenderer, calibration: Calibration | None = None) -> None:
        self.model = model
        self._renderer = renderer
        self._canvas = Canvas.from_model(model)
        self._calibration = calibration
        self._calibrated_prompt = None if calibration is None else self._ids(calibration.task_prompt)
        self._decoder = GreedyDecoder(model)
        self._device, self._dtype = model.device, model.dtype
        # Only a GPU wants a library's network, which takes seconds to import.
        self._encode = WindowEncoder(model).encode if self._device.type == "cpu" else library_network.encoder(model)
        # It has weights of its own; the model need not keep them a second time.
        model.weights = {name: value for name, value in model.weights.items() if not name.startswith("encoder.")}

    def process(self, requests: Sequence[InferenceRequest]) -> list[list[PageResult] | RequestError]:
        """Processes the pages of all requests together.

        Returns:
            For each request its pages, or its error. An error of one request does not affect the others.
        """
        outcomes: list[list[PageResult] | RequestError] = [[] for _ in requests]
        chunk: list[RenderedPage] = []
        for page in self._rendered(requests, outcomes):
            chunk.append(page)
            if len(chunk) == PAGES_AT_ONCE:
                self._process_pages(chunk, outcomes)
                chunk = []
        self._process_pages(chunk, outcomes)
        return outcomes

    def _rendered(
        self, requests: Sequence[InferenceRequest], outcomes: list[list[PageResult] | RequestError]
    ) -> Iterator[RenderedPage]:
        """Yields the pages of all requests as tensors; a page that cannot be rendered rejects its request."""
        time_left = BatchTime(min((each.limits.batch_seconds for each in requests), default=0.0), len(requests))
        for index, request in enumerate(requests):
            allowed = time_left.of_next_document(request.limits.document_seconds)
            try:
                prompt = self._prompt_ids(request.task_prompt)
                for page in self._renderer.pages(request, self._canvas, allowed, with_turns=self._turns(prompt)):
                    if isinstance(outcomes[index], RequestError):
                        break
                    began = time.monotonic()
                    tensor = self.model.to_tensor(page.image)
                    seconds = page.seconds + time.monotonic() - began
                    yield RenderedPage(index, page.number, tensor, page.turned_images, prompt, seconds, page.blank)
            except RequestError as error:
                outcomes[index] = error
            except Exception as error:  # noqa: BLE001 - an error of one request must not affect the others
                outcomes[index] = failure(error)

    def _prompt_ids(self, prompt: str | None) -> tuple[int, ...]:
        tokenizer = self.model.tokenizer
        ids = self._ids(prompt or self.model.config.task_prompt)
        if prompt is None:
            return ids
        known = tokenizer.added
        if not ids or ids[0] not in known.values() or tokenizer.unknown in ids:
            shown = ", ".join(name for name in sorted(known) if name.startswith("<s_"))
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"The model does not know the task prompt {prompt[:80]!a}: it knows the tokens {shown[:400]}.",
            )
        if len(ids) >= self.model.config.max_length:
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"The task prompt has {len(ids)} tokens and leaves no room for a result: the model's maximum length is "
                f"{self.model.config.max_length}.",
            )
        return ids

    def _ids(self, prompt: str) -> tuple[int, ...]:
        return tuple(self.model.tokenizer.ids_of(prompt))

    def _process_pages(self, pages: Sequence[RenderedPage], outcomes: list[list[PageResult] | RequestError]) -> None:
        """Processes pages of one or more requests and stores each result or error with its request."""
        waiting = [page for page in pages if not isinstance(outcomes[page.request], RequestError)]
        for same_length in _by_prompt_length(waiting):
            try:
                self._store(same_length, outcomes)
            except Exception as error:  # noqa: PERF203 - a batch is milliseconds long
                if len(same_length) > 1:
                    # Only processing each page alone shows which one failed.
                    logger.exception("A batch of %d pages failed; each is processed alone.", len(same_length))
                    for page in same_length:
                        self._process_pages([page], outcomes)
                else:
                    logger.exception("The model failed on page %d.", same_length[0].number)
                    outcomes[same_length[0].request] = failure(error)

    def _store(self, pages: Sequence[RenderedPage], outcomes: list[list[PageResult] | RequestError]) -> None:
        began = time.monotonic()
        readings = read_upright(self.model, pages, self._decode, self._is_to_be_turned, PAGES_AT_ONCE)
        network = time.monotonic() - began
        for page, reading in zip(pages, readings):
            outcome = outcomes[page.request]
            if not isinstance(outcome, list):
                continue
            if math.isfinite(reading.certainty):
                outcome.append(self._result(page, reading, round(page.seconds + network, 4), len(pages)))
            else:
                outcomes[page.request] = failure(ArithmeticError(f"page {page.number} gave NaN, not numbers"))

    def _calibration_of(self, prompt: tuple[int, ...]) -> Calibration | None:
        return self._calibration if prompt == self._calibrated_prompt else None

    def _turns(self, prompt: tuple[int, ...]) -> bool:
        calibration = self._calibration_of(prompt)
        return calibration is not None and calibration.turn

    def _is_to_be_turned(self, page: RenderedPage, certainty: float) -> bool:
        calibration = self._calibration_of(page.prompt)
        return calibration is not None and calibration.turn and certainty < calibration.doubtful_below

    def _decode(self, pages: Sequence[RenderedPage]) -> list[Decoded]:
        with torch.inference_mode():
            images = torch.stack([page.tensor for page in pages]).to(self._device, self._dtype)
            return self._decoder.decode(self._encode(images), [page.prompt for page in pages])

    def _result(self, page: RenderedPage, reading: Reading, seconds: float, read_together: int) -> PageResult:
        prediction = prediction_of(self.model, reading.decoded.ids)
        raw = confidence_of(self.model, reading.decoded, prediction)
        lists = self.model.config.list_fields
        calibration = self._calibration_of(page.prompt)
        confidence = None
        if raw is not None and calibration is not None:
            confidence = with_lists(calibration.confidence_of(raw, reading.certainty), lists)
        return PageResult(
            page=page.number,
            prediction=with_lists(prediction, lists),
            confidence=confidence,
            raw_confidence=None if raw is None else with_lists(raw, lists),
            accept_threshold=None if calibration is None else calibration.accept_threshold,
            certainty=reading.certainty,
            turned=reading.turned,
            passes=reading.passes,
            seconds=seconds,
            read_together=read_together,
            blank=page.blank,
        )


def _by_prompt_length(pages: Iterable[RenderedPage]) -> list[list[RenderedPage]]:
    groups: dict[int, list[RenderedPage]] = {}
    for page in pages:
        groups.setdefault(len(page.prompt), []).append(page)
    return list(groups.values())
