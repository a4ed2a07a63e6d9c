"""Decides how PDFium draws text whose font is not in the file, and finds text that it cannot draw.

PDFium has fonts of its own for Latin text. For other scripts it asks the system, so that the same page
would differ from machine to machine, or be blank. Here it gets the archive's font and no other.
"""

from __future__ import annotations

import ctypes
import functools
import unicodedata
from pathlib import Path
from typing import Any, Callable

from pdf_unseen import UnseenText

FONT = Path(__file__).resolve().parent / "fonts" / "wqy-microhei.ttf"
# Shift JIS, Hangul, GB 2312, Big5; Greek, Turkish, Vietnamese, Baltic, Cyrillic, East European (fpdf_sysfontinfo.h).
_CHARACTER_SETS = (128, 129, 134, 136, 161, 162, 163, 186, 204, 238)
_HANDLE, _NAME = 1, b"WenQuanYiMicroHei"
_WHOLE_FILE = 0
# Beyond so many forms in forms, or objects, the text itself is looked at instead.
_FORMS_IN_FORMS = 15
_MOST_OBJECTS = 50_000
# Letters, digits, currencies, and halves of a character beyond the basic plane: what a reader would miss.
_MISSED = ("L", "N", "Sc", "Cs")
_PRIVATE = "Co"
# Tabs, line ends and fillers that programs leave in texts of simple fonts: nothing is drawn for them.
_LAYOUT = frozenset({0, 9, 10, 11, 12, 13})
_SAMPLE_SIZE = 12.0


@functools.lru_cache(maxsize=None)
def use_own_fonts(raw: Any) -> Any:
    """Makes PDFium use the archive's font and no other of the machine, once for the process.

    Args:
        raw: The module pypdfium2.raw.

    Returns:
        What PDFium holds on to, so that it lives as long as the process.
    """
    font = FONT.read_bytes()

    def map_font(_info: Any, _weight: int, _italic: int, charset: int, _pitch: int, face: Any, _exact: Any) -> int:
        # By its own name PDFium asks for it again, for the value of a form.
        return _HANDLE if charset in _CHARACTER_SETS or ctypes.string_at(face) == _NAME else 0

    def font_data(_info: Any, _handle: Any, table: int, buffer: Any, size: int) -> int:
        if table != _WHOLE_FILE:
            return 0
        if buffer and size >= len(font):
            ctypes.memmove(buffer, font, len(font))
        return len(font)

    functions = {
        "Release": lambda _info: None,
        "EnumFonts": lambda _info, _mapper: None,
        "MapFont": map_font,
        "GetFont": lambda _info, _face: 0,
        "GetFontData": font_data,
        "GetFaceName": lambda *_: 0,
        "GetFontCharset": lambda *_: 0,
        "DeleteFont": lambda _info, _handle: None,
    }
    types = dict(raw.FPDF_SYSFONTINFO._fields_)
    info = raw.FPDF_SYSFONTINFO(version=1, **{name: types[name](function) for name, function in functions.items()})
    raw.FPDF_SetSystemFontInfo(info)
    return info


def undrawn_text(raw: Any, page: Any) -> str | None:
    """Returns a text of a page that is in a font that is not in the file, and that no other font here can draw.

    Args:
        raw: The module pypdfium2.raw.
        page: A page of pypdfium2.

    Returns:
        The font's name; None if the whole text is drawn.
    """
    if not _may_have_foreign_text(raw, page):
        return None
    text = page.get_textpage()
    is_unseen = UnseenText(raw, page, text)
    try:
        drawn: dict[tuple[int, int], bool] = {}
        for index in range(raw.FPDFText_CountChars(text)):
            text_object = raw.FPDFText_GetTextObject(text, index)
            font = _font_of(raw, text_object)
            code = raw.FPDFText_GetUnicode(text, index)
            if not font or code in _LAYOUT or is_unseen(text_object, index):
                continue
            if raw.FPDFText_HasUnicodeMapError(text, index) == 1:
                code = 0
            key = (ctypes.addressof(font.contents), code)
            if key not in drawn:
                drawn[key] = not _is_foreign(raw, font) or _has_glyph(raw, font, code)
            if not drawn[key]:
                return _name(raw, font)
    finally:
        text.close()
    return None


def may_be_undrawn_in_annotations(raw: Any, page: Any) -> bool:
    """Whether an annotation of a page has text in a font that is not in the file; its text is not in the page's."""

    def has_any(index: int) -> bool:
        annotation = raw.FPDFPage_GetAnnot(page, index)
        try:
            count = raw.FPDFAnnot_GetObjectCount(annotation)
            return _has_foreign_text(raw, count, functools.partial(raw.FPDFAnnot_GetObject, annotation))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)

    return any(has_any(index) for index in range(raw.FPDFPage_GetAnnotCount(page)))


def _may_have_foreign_text(raw: Any, page: Any) -> bool:
    """Whether a page has text in a font that is not in the file, or more objects than are looked at here."""
    count = raw.FPDFPage_CountObjects(page)
    return _has_foreign_text(raw, count, functools.partial(raw.FPDFPage_GetObject, page))


def _has_foreign_text(raw: Any, objects: int, get_object: Callable[[int], Any]) -> bool:
    remaining = _MOST_OBJECTS

    def any_of(count: int, get: Callable[[int], Any], depth: int) -> bool:
        nonlocal remaining
        for index in range(count):
            remaining -= 1
            if remaining < 0:
                return True
            each = get(index)
            kind = raw.FPDFPageObj_GetType(each)
            if kind == raw.FPDF_PAGEOBJ_TEXT:
                font = _font_of(raw, each)
                if font and _is_foreign(raw, font):
                    return True
            elif kind == raw.FPDF_PAGEOBJ_FORM:
                inner = functools.partial(raw.FPDFFormObj_GetObject, each)
                if depth == _FORMS_IN_FORMS or any_of(raw.FPDFFormObj_CountObjects(each), inner, depth + 1):
                    return True
        return False

    return any_of(objects, get_object, 0)


def _font_of(raw: Any, text_object: Any) -> Any:
    return raw.FPDFTextObj_GetFont(text_object) if text_object else None


def _is_foreign(raw: Any, font: Any) -> bool:
    return raw.FPDFFont_GetIsEmbedded(font) == 0


def _has_glyph(raw: Any, font: Any, code: int) -> bool:
    if code and unicodedata.category(chr(code)) != _PRIVATE and not unicodedata.category(chr(code)).startswith(_MISSED):
        return True
    path = raw.FPDFFont_GetGlyphPath(font, code, _SAMPLE_SIZE)
    return bool(path) and raw.FPDFGlyphPath_CountGlyphSegments(path) > 0


def _name(raw: Any, font: Any) -> str:
    length = raw.FPDFFont_GetBaseFontName(font, None, 0)
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFFont_GetBaseFontName(font, buffer, length)
    return buffer.value.decode("utf-8", "replace")
