"""The limits of a request's document, from the environment; a request beyond them is rejected."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Measured: 28 bytes for each pixel of a WebP with transparency, the most of all formats; 90 MB without a document.
_BYTES_PER_PIXEL = 32
_MEGABYTES_BESIDES_PIXELS = 512
# With less, the drawing process has too little for the smallest document.
_LEAST_MEGABYTES = 256
_MEGABYTE = 2**20
# With one of these the toolkit writes settings of the model: 60 seconds, unless the last one is set. Without them,
# TorchServe's own variable counts, and then the toolkit's. A stage sets the last one for TorchServe, and
# SAGEMAKER_MODEL_SERVER_TIMEOUT for the other server, so the rule holds on each image. Source:
# sagemaker-pytorch-inference 2.0.10 (torchserve.py, ts_environment.py), TorchServe 0.6.0 (ConfigManager.java).
_OF_THE_MODEL = (
    "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY", "SAGEMAKER_TS_MIN_WORKERS", "SAGEMAKER_TS_MAX_WORKERS",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT",
)  # fmt: skip
_OF_ALL = ("TS_DEFAULT_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT")
_DEFAULT_BATCH_TIMEOUT = 60


class SettingError(Exception):
    """An environment variable has an invalid value; the message names it and the allowed values."""


def whole_number(name: str, default: int, least: int = 1) -> int:
    """Returns the whole number that an environment variable holds.

    Raises:
        SettingError: It holds something else, or a number below `least`.
    """
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise SettingError(f"The environment variable {name} is {text!a}: set it to a whole number of {least} or more.")
    return int(text)


def batch_timeout() -> int:
    """Returns the seconds after which a batch that has no result is ended.

    Raises:
        SettingError: The variable is not a whole number.
    """
    names = _OF_THE_MODEL[-1:] if any(name in os.environ for name in _OF_THE_MODEL) else _OF_ALL
    name = next((each for each in names if each in os.environ), names[-1])
    return whole_number(name, _DEFAULT_BATCH_TIMEOUT)


@dataclass(frozen=True)
class Limits:
    """The limits of one document.

    Attributes:
        pages: Pages of one request (MAX_PAGES, default 50).
        image_pixels: Pixels of one decoded image, 3 bytes each (MAX_IMAGE_PIXELS, default 50 million).
        document_seconds: Time to open a document and to draw its pages (DOCUMENT_SECONDS, default 30).
        document_megabytes: Memory of the process that does so, its program included (DOCUMENT_MEMORY_MB, by default
            512 MB and 32 bytes for each of `image_pixels`).
        batch_seconds: Time to draw all documents of a batch: half of the time after which TorchServe stops the worker.
    """

    pages: int
    image_pixels: int
    document_seconds: int
    document_megabytes: int
    batch_seconds: float

    @classmethod
    def from_environment(cls) -> Limits:
        """Reads the limits.

        Raises:
            SettingError: One is not a whole number, or below its least value.
        """
        pixels = whole_number("MAX_IMAGE_PIXELS", 50_000_000)
        megabytes = _MEGABYTES_BESIDES_PIXELS + pixels * _BYTES_PER_PIXEL // _MEGABYTE
        return cls(
            pages=whole_number("MAX_PAGES", 50),
            image_pixels=pixels,
            document_seconds=whole_number("DOCUMENT_SECONDS", 30),
            document_megabytes=whole_number("DOCUMENT_MEMORY_MB", megabytes, _LEAST_MEGABYTES),
            batch_seconds=batch_timeout() / 2,
        )
