"""Opens documents page by page: images, TIFF with many pages, and PDF.

A page is decoded only when it is needed. A page that would take too much memory is rejected by its header, before it is
decoded. Only libraries that start no program parse a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from document_interface import Document
from file_kinds import is_pdf, reject_unsupported
from image_files import ImageFile
from pdf_files import PdfFile

if TYPE_CHECKING:
    from limits import Limits

__all__ = ["Document", "open_document"]


def open_document(body: bytes, limits: Limits) -> Document:
    """Opens a file by its content, whatever its content type.

    Args:
        body: The whole file.
        limits: What it may hold.

    Raises:
        RequestError: 400 for a file that is not a readable one, 413 beyond the limits, 415 for a known format that is
            not processed, 422 if encrypted.
    """
    if is_pdf(body):
        return PdfFile(bytes(body))
    reject_unsupported(body)
    return ImageFile(body, limits)
