"""Receipts to measure a model on, and their results from the archive's own code."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Tuple

from PIL import Image

import archive  # noqa: F401 - puts the archive's code on the import path
from degradations import degrade
from document_processor import PAGES_AT_ONCE, DocumentProcessor, PageResult
from limits import Limits
from rendering import FONT_FILES, HELD_OUT_FONT_FILES, make_page
from request_parsing import parse_request

if TYPE_CHECKING:
    from pathlib import Path

Document = Tuple[bytes, Dict[str, Any]]
ANY_IMAGE = "application/x-image"
DAMAGES = ("none", "mixed", "heavy")


def drawn_documents(
    purpose: str, numbers: range, *, damage: str = "none", turn: int = 0, held_out_fonts: bool = False
) -> Iterator[Document]:
    """Yields receipts that are drawn: the image file and the fields it shows.

    Args:
        purpose: A key of `receipts.SEEDS`.
        numbers: Of that purpose's receipts.
        damage: One of `DAMAGES`; degradations.py says what each does.
        turn: Degrees clockwise by which the picture is turned, without loss: 0, 90, 180 or 270.
        held_out_fonts: Draws in the fonts kept from training.
    """
    fonts = HELD_OUT_FONT_FILES if held_out_fonts else FONT_FILES
    for number in numbers:
        page = make_page(purpose, number, fonts=fonts)
        file = page.jpeg if damage == "none" else degrade(page.image, purpose, number, heavy=damage == "heavy")
        yield turned(file, turn), page.receipt.fields()


def stored_documents(folder: Path, *, turn: int = 0) -> Iterator[Document]:
    """Yields the receipts that a folder's answers.jsonl names, turned as by `drawn_documents`."""
    for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        yield turned((folder / fields.pop("file")).read_bytes(), turn), fields


def turned(file: bytes, degrees: int) -> bytes:
    """Returns an image file, turned clockwise by some right angles; as PNG unless it is not turned."""
    if not degrees:
        return file
    written = io.BytesIO()
    Image.open(io.BytesIO(file)).rotate(-degrees, expand=True).save(written, "PNG")
    return written.getvalue()


def results(processor: DocumentProcessor, documents: Iterable[Document]) -> Iterator[tuple[PageResult, dict[str, Any]]]:
    """Yields the result of each document of one page and the fields it shows; documents are processed in batches.

    Raises:
        RequestError: A document was rejected.
    """
    together: list[Document] = []
    for document in documents:
        together.append(document)
        if len(together) == PAGES_AT_ONCE:
            yield from _batch(processor, together)
            together = []
    yield from _batch(processor, together)


def _batch(processor: DocumentProcessor, documents: list[Document]) -> Iterator[tuple[PageResult, dict[str, Any]]]:
    requests = [parse_request(file, ANY_IMAGE, None, Limits.from_environment()) for file, _ in documents]
    for outcome, (_, fields) in zip(processor.process(requests), documents):
        if not isinstance(outcome, list):
            raise outcome
        yield outcome[0], fields
