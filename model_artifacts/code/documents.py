"""Opens documents page by page: images that Pillow reads, TIFF with many pages, and PDF.

A page is decoded only when it is needed. A page that would take too much memory is rejected by its header, before it is
decoded. Only libraries that start no program parse a file.
"""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from grey_levels import in_eight_bits, is_deep
from request_errors import TOO_LARGE, RequestError

if TYPE_CHECKING:
    from limits import Limits

# Formats that Pillow decodes by itself: some of the others start programs.
IMAGE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
FORMATS = ", ".join((*IMAGE_FORMATS, "PDF"))
# Donut scales the shorter side to its canvas first: a thin strip would grow to gigabytes.
MOST_TIMES_LONGER = 25
# The pages of a TIFF are counted up to this number.
MOST_FRAMES = 10_000
# A reader looks for a PDF's mark this far into a file (Adobe's own implementation note on the header).
PDF_MARK_WITHIN = 1024
PDF_MARK = b"%PDF-"


def is_pdf(body: bytes) -> bool:
    """Whether a file has the mark of a PDF."""
    return PDF_MARK in bytes(body[:PDF_MARK_WITHIN])


class Document:
    """A file with pages, counted from 1. `close()` frees its memory."""

    page_count: int

    def page(self, number: int, shorter_side: int) -> Image.Image:
        """Returns a page in RGB, upright, white where it was transparent.

        Args:
            number: From 1 to `page_count`.
            shorter_side: Pixels that a page without pixels of its own (PDF) is drawn at.

        Raises:
            RequestError: The page is broken, too large or too thin.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Frees the file."""


def open_document(body: bytes, limits: Limits) -> Document:
    """Opens a file by its content, whatever its content type.

    Args:
        body: The whole file.
        limits: What it may hold.

    Raises:
        RequestError: 400 for a file that is not a readable one of `FORMATS`, 413 beyond the limits, 422 if encrypted.
    """
    return _PdfFile(bytes(body)) if is_pdf(body) else _ImageFile(body, limits)


class _ImageFile(Document):
    """A file of one image, or a TIFF of several."""

    def __init__(self, body: bytes, limits: Limits) -> None:
        self._limits = limits
        self._size = len(body)
        # Pillow's own guard raises at twice its limit and only warns at the limit: the check below is the one.
        Image.MAX_IMAGE_PIXELS = limits.image_pixels
        try:
            self._image = Image.open(io.BytesIO(body), formats=IMAGE_FORMATS)
            self.page_count = self._count()
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise self._too_many_pixels("") from None
        except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds for broken files, and each means the same here
            raise self._unreadable() from None

    def _count(self) -> int:
        """Returns the pages of a TIFF; 1 for other images, whose further frames are an animation's."""
        if self._image.format != "TIFF":
            return 1
        count = 1
        while count < MOST_FRAMES:
            try:
                self._image.seek(count)
            except EOFError:
                break
            count += 1
        self._image.seek(0)
        return count

    def page(self, number: int, shorter_side: int) -> Image.Image:
        del shorter_side
        where = f" of page {number}" if self.page_count > 1 else ""
        try:
            if self.page_count > 1:
                self._image.seek(number - 1)
            width, height = self._image.size
        except Exception:  # noqa: BLE001 - as above: the next page's header may be broken in as many ways
            raise self._unreadable(where) from None
        if width * height > self._limits.image_pixels:
            raise self._too_many_pixels(where)
        _check_shape(width, height, "pixels", where)
        try:
            return _plain(self._image)
        except RequestError:
            raise
        except Exception:  # noqa: BLE001 - as above
            raise self._unreadable(where) from None

    def close(self) -> None:
        self._image.close()

    def _unreadable(self, where: str = "") -> RequestError:
        what = (
            f"The image{where} is not readable" if where else f"The body ({self._size} bytes) is not a readable image"
        )
        return RequestError(HTTPStatus.BAD_REQUEST, f"{what}: send one whole file of {FORMATS}.")

    def _too_many_pixels(self, where: str) -> RequestError:
        return RequestError(
            TOO_LARGE,
            f"The image{where} has more than {self._limits.image_pixels} pixels: send a smaller one, or raise "
            "MAX_IMAGE_PIXELS.",
        )


class _PdfFile(Document):
    """A PDF, drawn by PDFium."""

    def __init__(self, body: bytes) -> None:
        try:
            import pypdfium2  # noqa: PLC0415 - on the first PDF: an instance that sees none starts sooner
        except ImportError:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "PDF is not served here: add pypdfium2 to code/requirements.txt, or send an image.",
            ) from None
        self._pdfium: Any = pypdfium2
        try:
            self._pdf = pypdfium2.PdfDocument(body)
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
        self.page_count = len(self._pdf)

    def page(self, number: int, shorter_side: int) -> Image.Image:
        try:
            page = self._pdf[number - 1]
            try:
                width, height = page.get_size()
                _check_shape(width, height, "points", f" of page {number}")
                drawn = page.render(scale=shorter_side / min(width, height))
                return drawn.to_pil().convert("RGB")
            finally:
                page.close()
        except self._pdfium.PdfiumError:
            raise RequestError(
                HTTPStatus.BAD_REQUEST, f"Page {number} of the PDF cannot be drawn: send one whole file."
            ) from None

    def close(self) -> None:
        self._pdf.close()


def _check_shape(width: float, height: float, unit: str, where: str) -> None:
    if not 0 < max(width, height) <= MOST_TIMES_LONGER * min(width, height):
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            f"The image{where} is {width:g}x{height:g} {unit}: its longer side must be at most {MOST_TIMES_LONGER} "
            "times the shorter; crop it to the document.",
        )


def _plain(image: Image.Image) -> Image.Image:
    """Returns an image in RGB: turned as its EXIF says, on white paper, deep grey brought down to eight bits."""
    image.load()
    # Pillow turns a TIFF by its own tag while loading.
    page = image if image.format == "TIFF" else ImageOps.exif_transpose(image)
    if is_deep(page):
        page = in_eight_bits(page, image)
    if "A" in page.getbands() or "transparency" in page.info:
        paper = Image.new("RGBA", page.size, "white")
        page = Image.alpha_composite(paper, page.convert("RGBA"))
    return page.convert("RGB")
