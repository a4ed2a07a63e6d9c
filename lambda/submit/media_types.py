"""The content type under which the model gets a document."""

from __future__ import annotations

import mimetypes

_guess_by_suffix = mimetypes.MimeTypes().guess_type  # the built-in table only: the same answer on every machine

_ANY_IMAGE = "application/x-image"
_SPECIFIC_IMAGES = frozenset({"image/jpeg", "image/png"})
# What S3 and upload tools say when nobody told them.
_UNTOLD = frozenset({"", "binary/octet-stream", "application/octet-stream"})


def content_type_of(key: str, told: str | None) -> str:
    """The type told at the upload, else the one that the key's suffix suggests, else application/x-image.

    An image other than JPEG and PNG is application/x-image, which leaves it to the container to recognise it.
    """
    media_type = (told or "").strip()
    if media_type.lower() in _UNTOLD:
        media_type = _guess_by_suffix(key)[0] or _ANY_IMAGE
    plain = media_type.split(";")[0].strip().lower()
    return _ANY_IMAGE if plain.startswith("image/") and plain not in _SPECIFIC_IMAGES else media_type
