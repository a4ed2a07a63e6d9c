"""Tells which characters of a PDF's page nobody sees, and whether one of its images is lost."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from damaged_files import jpeg_is_damaged

_FORMS_IN_FORMS = 15
# Points: glyphs reach a little beyond the box of their characters.
_MARGIN = 1.0
_FULL = 255


class UnseenText:
    """The text of a page that is invisible, off the page, or under an opaque image that is drawn later.

    Scanners lay the text that they recognised over or under a scan like that. Text of a hidden layer is not among it:
    PDFium does not tell which layers are hidden.

    Args:
        raw: The module pypdfium2.raw.
        page: A page of pypdfium2.
        text: Its text page.
    """

    def __init__(self, raw: Any, page: Any, text: Any) -> None:
        self._raw = raw
        self._pdf_page = page
        self._text = text
        self._opaque: dict[int, bool] = {}
        left, bottom, right, top = page.get_bbox()
        self._page = (left - _MARGIN, bottom - _MARGIN, right + _MARGIN, top + _MARGIN)
        self._places: dict[int, int] = {}
        self._images: list[tuple[int, tuple[float, float, float, float]]] = []
        for place in range(raw.FPDFPage_CountObjects(page)):
            each = raw.FPDFPage_GetObject(page, place)
            self._places[_address(each)] = place
            if raw.FPDFPageObj_GetType(each) == raw.FPDF_PAGEOBJ_IMAGE and self._covers(each):
                self._images.append((place, self._bounds(each)))

    def __call__(self, text_object: Any, index: int) -> bool:
        """Whether a character is unseen; `text_object` is the one that it belongs to."""
        raw = self._raw
        if raw.FPDFTextObj_GetTextRenderMode(text_object) in (
            raw.FPDF_TEXTRENDERMODE_INVISIBLE,
            raw.FPDF_TEXTRENDERMODE_CLIP,
        ):
            return True
        values = [ctypes.c_double() for _ in range(4)]
        if not raw.FPDFText_GetCharBox(self._text, index, *map(ctypes.byref, values)):
            return False
        left, right, bottom, top = (value.value for value in values)
        if right < self._page[0] or left > self._page[2] or top < self._page[1] or bottom > self._page[3]:
            return True
        place = self._places.get(_address(text_object))
        return place is not None and any(
            place < later
            and box[0] <= left
            and box[1] <= bottom
            and right <= box[2]
            and top <= box[3]
            and self._is_opaque(later)
            for later, box in self._images
        )

    def _is_opaque(self, place: int) -> bool:
        """Whether nothing shows through the image at a place among the page's objects."""
        if place not in self._opaque:
            raw = self._raw
            image = raw.FPDFPage_GetObject(self._pdf_page, place)
            bitmap = raw.FPDFImageObj_GetRenderedBitmap(self._pdf_page.pdf, self._pdf_page, image)
            if not bitmap:
                return False
            pixels = self._opacity(bitmap)
            self._opaque[place] = bool((pixels == _FULL).all())
            raw.FPDFBitmap_Destroy(bitmap)
        return self._opaque[place]

    def _opacity(self, bitmap: Any) -> Any:
        """Returns the opacity of a bitmap without its outermost pixels, which are smoothed."""
        raw = self._raw
        height, stride = raw.FPDFBitmap_GetHeight(bitmap), raw.FPDFBitmap_GetStride(bitmap)
        width = raw.FPDFBitmap_GetWidth(bitmap)
        if raw.FPDFBitmap_GetFormat(bitmap) != raw.FPDFBitmap_BGRA:
            return np.full((1, 1), _FULL)
        data = ctypes.string_at(raw.FPDFBitmap_GetBuffer(bitmap), height * stride)
        rows = np.frombuffer(data, np.uint8).reshape(height, stride)[:, : 4 * width]
        return rows.reshape(height, width, 4)[1:-1, 1:-1, 3]

    def _covers(self, image: Any) -> bool:
        """Whether an image is opaque and lies straight, so that it covers all of its bounds."""
        raw = self._raw
        matrix = raw.FS_MATRIX()
        if raw.FPDFPageObj_HasTransparency(image) or not raw.FPDFPageObj_GetMatrix(image, ctypes.byref(matrix)):
            return False
        if raw.FPDFPageObj_GetClipPath(image) and raw.FPDFClipPath_CountPaths(raw.FPDFPageObj_GetClipPath(image)) > 0:
            return False
        return (matrix.b == matrix.c == 0) or (matrix.a == matrix.d == 0)

    def _bounds(self, image: Any) -> tuple[float, float, float, float]:
        values = [ctypes.c_float() for _ in range(4)]
        if not self._raw.FPDFPageObj_GetBounds(image, *map(ctypes.byref, values)):
            return 0.0, 0.0, 0.0, 0.0
        left, bottom, right, top = (value.value for value in values)
        return left - _MARGIN, bottom - _MARGIN, right + _MARGIN, top + _MARGIN


def has_lost_image(raw: Any, page: Any) -> bool:
    """Whether an image of a page cannot be decoded, or is a JPEG of which part is missing.

    An image that the page names and the file does not have is not found: PDFium leaves it out of the page's objects.
    """

    def any_of(count: int, get: Any, depth: int) -> bool:
        for index in range(count):
            each = get(index)
            kind = raw.FPDFPageObj_GetType(each)
            if kind == raw.FPDF_PAGEOBJ_IMAGE:
                if _is_lost(raw, each):
                    return True
            elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _FORMS_IN_FORMS:
                inner = raw.FPDFFormObj_CountObjects(each)
                if any_of(inner, lambda place, form=each: raw.FPDFFormObj_GetObject(form, place), depth + 1):
                    return True
        return False

    return any_of(raw.FPDFPage_CountObjects(page), lambda place: raw.FPDFPage_GetObject(page, place), 0)


def _is_lost(raw: Any, image: Any) -> bool:
    if raw.FPDFImageObj_GetImageFilterCount(image) == 1 and _filter(raw, image) == b"DCTDecode":
        length = raw.FPDFImageObj_GetImageDataRaw(image, None, 0)
        data = ctypes.create_string_buffer(length)
        raw.FPDFImageObj_GetImageDataRaw(image, data, length)
        if jpeg_is_damaged(data.raw):
            return True
    bitmap = raw.FPDFImageObj_GetBitmap(image)
    if not bitmap:
        return True
    raw.FPDFBitmap_Destroy(bitmap)
    return False


def _filter(raw: Any, image: Any) -> bytes:
    length = raw.FPDFImageObj_GetImageFilter(image, 0, None, 0)
    name = ctypes.create_string_buffer(max(length, 1))
    raw.FPDFImageObj_GetImageFilter(image, 0, name, length)
    return name.value


def _address(item: Any) -> int:
    return ctypes.addressof(item.contents)
