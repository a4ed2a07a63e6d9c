"""Opens PDFs, which PDFium draws."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from document_interface import Document, check_shape
from pdf_fonts import may_be_undrawn_in_annotations, undrawn_text, use_own_fonts
from pdf_unseen import has_lost_image
from request_errors import RequestError

if TYPE_CHECKING:
    from PIL import Image


class PdfFile(Document):
    """A PDF, drawn by PDFium."""

    def __init__(self, body: bytes) -> None:
        try:
            import pypdfium2  # on the first PDF: an instance that sees none starts sooner
        except ImportError:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "PDF is not served here: add pypdfium2 to code/requirements.txt, or send an image.",
            ) from None
        self._pdfium: Any = pypdfium2
        use_own_fonts(pypdfium2.raw)
        try:
            self._pdf = pypdfium2.PdfDocument(body)
            # Before anything else of the document: only then the values of its form are drawn.
            self._pdf.init_forms()
        except pypdfium2.PdfiumError:
            # PDFium's own words may be those of an earlier file's error.
            if b"/Encrypt" in body:
                raise RequestError(
                    HTTPStatus.UNPROCESSABLE_ENTITY, "The PDF is encrypted: send it without a password."
                ) from None
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"The body ({len(body)} bytes) is not a readable PDF: send one whole file with at least one page.",
            ) from None
        if self._pdf.get_formtype() == pypdfium2.raw.FORMTYPE_XFA_FULL:
            self.close()
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "The PDF is a dynamic XFA form, whose pages only Adobe's programs draw: print it to a PDF.",
            )
        self.page_count = len(self._pdf)

    def page(self, number: int, shorter_side: int) -> Image.Image:
        """As `Document.page`."""
        try:
            return self._drawn(number, shorter_side)
        except self._pdfium.PdfiumError:
            raise RequestError(
                HTTPStatus.BAD_REQUEST, f"Page {number} of the PDF cannot be drawn: send one whole file."
            ) from None

    def _drawn(self, number: int, shorter_side: int) -> Image.Image:
        raw = self._pdfium.raw
        page = self._pdf[number - 1]
        try:
            width, height = page.get_size()
            check_shape(width, height, "points", f" of page {number}")
            font = undrawn_text(raw, page)
            if font is not None:
                raise _undrawn(number, font)
            if has_lost_image(raw, page):
                raise _lost(number)
            drawn = page.render(scale=shorter_side / min(width, height)).to_pil().convert("RGB")
            has_doubts = may_be_undrawn_in_annotations(raw, page)
            if has_doubts:
                # Makes the annotations that are seen part of the page's content, once it is opened again.
                raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        finally:
            page.close()
        if has_doubts:
            self._check_annotations(number)
        return drawn

    def _check_annotations(self, number: int) -> None:
        """Checks the text of a page whose annotations are part of its content now."""
        page = self._pdf[number - 1]
        try:
            font = undrawn_text(self._pdfium.raw, page)
        finally:
            page.close()
        if font is not None:
            raise _undrawn(number, font)

    def close(self) -> None:
        """As `Document.close`."""
        self._pdf.close()


def _undrawn(number: int, font: str) -> RequestError:
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"Page {number} of the PDF has text in the font {font[:80]!a}, which is not in the file and cannot be "
        "replaced: embed its fonts, or send an image.",
    )


def _lost(number: int) -> RequestError:
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"Page {number} of the PDF has an image that is damaged or cannot be decoded: send it whole, or as an image.",
    )
