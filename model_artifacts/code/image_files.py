"""Opens image files: those that Pillow decodes by itself, and HEIC and AVIF by the libraries of the archive."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from PIL import Image

import tiff_pages
from damaged_files import check_whole
from document_interface import Document, check_shape
from file_kinds import RAW_PHOTOGRAPH, is_avif, is_heif, is_tiff, unsupported
from grey_levels import expect_order_of_libtiff
from plain_pages import plain
from request_errors import TOO_LARGE, RequestError
from unusual_layouts import misread, unread

if TYPE_CHECKING:
    from limits import Limits

# Formats that Pillow decodes by itself: some of the others start programs.
IMAGE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
FORMATS = ", ".join((*IMAGE_FORMATS, "HEIC", "AVIF", "PDF"))


class ImageFile(Document):
    """A file of one image, or a TIFF of several."""

    def __init__(self, body: bytes, limits: Limits) -> None:
        self._limits = limits
        self._body = body
        self._chain = tiff_pages.directories(body) if is_tiff(body) else []
        if tiff_pages.is_raw_photograph(self._chain):
            raise unsupported(body, RAW_PHOTOGRAPH)
        if misread(body):
            raise _not_processed(misread(body))
        self._frames = tiff_pages.page_indices(self._chain)
        self.page_count = len(self._frames)
        self._check_samples(1)
        # Pillow's own guard raises at twice its limit and only warns at the limit: the check of a page is the one.
        Image.MAX_IMAGE_PIXELS = limits.image_pixels
        try:
            self._image = self._opened()
        except RequestError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise self._too_many_pixels("") from None
        except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds for broken files, and each means the same here
            raise self._unreadable() from None

    def _opened(self) -> Any:
        if is_heif(self._body):
            return HeifImage(self._body)
        if is_avif(self._body):
            _register_avif()
            return Image.open(io.BytesIO(self._body), formats=("AVIF",))
        return Image.open(io.BytesIO(self._body), formats=IMAGE_FORMATS)

    def page(self, number: int, shorter_side: int) -> Image.Image:
        """As `Document.page`."""
        where = f" of page {number}" if self.page_count > 1 else ""
        self._check_samples(number)
        try:
            if self._frames[number - 1]:
                self._image.seek(self._frames[number - 1])
            elif self.page_count > 1:
                self._image.seek(0)
            width, height = self._image.size
        except Exception:  # noqa: BLE001 - as above: the next page's header may be broken in as many ways
            raise self._unreadable(where, number) from None
        if width * height > self._limits.image_pixels:
            raise self._too_many_pixels(where)
        check_shape(width, height, "pixels", where)
        try:
            if isinstance(self._image, HeifImage):
                return plain(self._image.decoded(), self._body, shorter_side)
            check_whole(self._body, self._image, where)
            expect_order_of_libtiff(self._image)
            return plain(self._image, self._body, shorter_side)
        except RequestError:
            raise
        except Exception:  # noqa: BLE001 - as above
            raise self._unreadable(where, number) from None

    def close(self) -> None:
        """As `Document.close`."""
        self._image.close()

    def _check_samples(self, number: int) -> None:
        if self._chain and self._chain[self._frames[number - 1]].is_misread:
            raise self._of_samples(number)

    def _unreadable(self, where: str = "", number: int = 1) -> RequestError:
        if self._chain and self._chain[self._frames[number - 1]].is_unusual:
            return self._of_samples(number)
        if unread(self._body):
            return _not_processed(unread(self._body))
        what = (
            f"The image{where} is not readable"
            if where
            else f"The body ({len(self._body)} bytes) is not a readable image"
        )
        return RequestError(HTTPStatus.BAD_REQUEST, f"{what}: send one whole file of {FORMATS}.")

    def _of_samples(self, number: int) -> RequestError:
        samples = self._chain[self._frames[number - 1]].samples
        where = f" of page {number}" if self.page_count > 1 else ""
        return _not_processed(f"The TIFF image{where} has pixels of {samples}")

    def _too_many_pixels(self, where: str) -> RequestError:
        return RequestError(
            TOO_LARGE,
            f"The image{where} has more than {self._limits.image_pixels} pixels: send a smaller one, or raise "
            "MAX_IMAGE_PIXELS.",
        )


class HeifImage:
    """The primary image of a HEIF file, decoded by libheif when it is needed.

    The plug-in of the package needs a newer Pillow than the image has; its own reader does not.
    """

    def __init__(self, body: bytes) -> None:
        try:
            import pi_heif  # on the first HEIC: an instance that sees none starts sooner
        except ImportError:
            raise _not_served("HEIC", "pi-heif") from None
        self._heif: Any = pi_heif.open_heif(io.BytesIO(body), convert_hdr_to_8bit=True)
        self.size: tuple[int, int] = self._heif.size

    def decoded(self) -> Image.Image:
        """Returns it upright: libheif turns it as the file says, and its EXIF does not count (ISO 23008-12)."""
        data = bytes(self._heif.data)
        heif = self._heif
        image = Image.frombytes(heif.mode, heif.size, data, "raw", heif.mode, heif.stride)
        image.info.update({name: heif.info[name] for name in ("icc_profile",) if heif.info.get(name)})
        return image

    def close(self) -> None:
        """Frees the file."""
        self._heif = None


def _register_avif() -> None:
    """Makes Pillow open AVIF: from 11.3 on it does so by itself, where it was built with libavif."""
    from PIL import features  # on the first AVIF

    if "avif" in features.modules and features.check_module("avif"):
        return
    try:
        import pillow_avif  # noqa: F401 - it registers itself; on the first AVIF
    except ImportError:
        raise _not_served("AVIF", "pillow-avif-plugin") from None


def _not_processed(what: str | None) -> RequestError:
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{what}, which is not processed: save it as PNG with 8 bits a sample."
    )


def _not_served(kind: str, package: str) -> RequestError:
    return RequestError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"{kind} is not served here: add {package} to code/requirements.txt, or send a JPEG.",
    )
