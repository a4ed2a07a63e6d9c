"""Processes the pages of several requests together; each request has its own result or error."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

import torch

from greedy_decoder import Decoded, GreedyDecoder
from request_errors import RequestError, failure
from result_tokens import Fields, confidence_of, prediction_of, with_lists

if TYPE_CHECKING:
    from donut_library import DonutModel
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
        confidence: Of each field, 0 to 1; None if unknown.
        seconds: From rendering the page to its result; pages processed together share the network's time.
        read_together: How many pages went through the network together, this one included.
    """

    page: int
    prediction: Fields
    confidence: Fields | None
    seconds: float
    read_together: int


@dataclass(frozen=True)
class _Page:
    """A rendered page, ready for the network."""

    request: int
    number: int
    tensor: torch.Tensor
    prompt: tuple[int, ...]
    seconds: float


class DocumentProcessor:
    """Processes documents with a model.

    Args:
        model: In evaluation mode, as `load_model` returns it.
    """

    def __init__(self, model: DonutModel) -> None:
        self.model = model
        self._decoder = GreedyDecoder(model)
        self._device = next(model.parameters()).device
        self._dtype = next(model.parameters()).dtype

    def process(self, requests: Sequence[InferenceRequest]) -> list[list[PageResult] | RequestError]:
        """Processes the pages of all requests together.

        Returns:
            For each request its pages, or its error. An error of one request does not affect the others.
        """
        outcomes: list[list[PageResult] | RequestError] = [[] for _ in requests]
        chunk: list[_Page] = []
        for page in self._rendered(requests, outcomes):
            chunk.append(page)
            if len(chunk) == PAGES_AT_ONCE:
                self._process_pages(chunk, outcomes)
                chunk = []
        self._process_pages(chunk, outcomes)
        return outcomes

    def _rendered(
        self, requests: Sequence[InferenceRequest], outcomes: list[list[PageResult] | RequestError]
    ) -> Iterator[_Page]:
        """Yields the pages of all requests as tensors; a page that cannot be rendered rejects its request."""
        for index, request in enumerate(requests):
            try:
                prompt = self._prompt_ids(request.task_prompt)
                for number in request.pages:
                    if isinstance(outcomes[index], RequestError):
                        break
                    began = time.monotonic()
                    image = request.document.page(number, min(self.model.config.input_size))
                    tensor = self.model.encoder.prepare_input(image)
                    yield _Page(index, number, tensor, prompt, time.monotonic() - began)
            except RequestError as error:
                outcomes[index] = error
            except Exception as error:  # noqa: BLE001 - an error of one request must not affect the others
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
        return tuple(ids)

    def _process_pages(self, pages: Sequence[_Page], outcomes: list[list[PageResult] | RequestError]) -> None:
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

    def _store(self, pages: Sequence[_Page], outcomes: list[list[PageResult] | RequestError]) -> None:
        began = time.monotonic()
        results = [self._result(decoded) for decoded in self._decode(pages)]
        network = time.monotonic() - began
        for page, (prediction, confidence) in zip(pages, results):
            outcome = outcomes[page.request]
            if isinstance(outcome, list):
                seconds = round(page.seconds + network, 4)
                outcome.append(PageResult(page.number, prediction, confidence, seconds, len(pages)))

    def _decode(self, pages: Sequence[_Page]) -> list[Decoded]:
        with torch.no_grad():
            images = torch.stack([page.tensor for page in pages]).to(self._device, self._dtype)
            return self._decoder.decode(self.model.encoder(images), [page.prompt for page in pages])

    def _result(self, decoded: Decoded) -> tuple[Fields, Fields | None]:
        prediction = prediction_of(self.model, decoded.ids)
        confidence = confidence_of(self.model, decoded, prediction)
        lists = self.model.config.list_fields
        return with_lists(prediction, lists), None if confidence is None else with_lists(confidence, lists)


def _by_prompt_length(pages: Iterable[_Page]) -> list[list[_Page]]:
    groups: dict[int, list[_Page]] = {}
    for page in pages:
        groups.setdefault(len(page.prompt), []).append(page)
    return list(groups.values())


def use_assigned_cpus() -> None:
    """Limits this worker to its share of the instance's CPUs, unless OMP_NUM_THREADS sets a number."""
    if not os.environ.get("OMP_NUM_THREADS"):
        workers = int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or 1)
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers))
