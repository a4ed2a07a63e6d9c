"""The download of a price list: over HTTPS, to a temporary file, with a limit of size and time."""

from __future__ import annotations

import http.client
import ipaddress
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK_BYTES = 1 << 20
_GIB = 1 << 30
MOST_BYTES = 2 * _GIB
_SILENT_SECONDS = 30.0
_MOST_SECONDS = 1_800.0


class DownloadError(Exception):
    """A price list that cannot be downloaded; the message is one sentence."""


class _NoPlainRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to where a download may come from."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 - urllib's
        try:
            _check(newurl, plain=req.type == "http")
        except DownloadError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def downloaded(
    url: str,
    *,
    progress: Callable[[int, int | None], None],
    most_bytes: int = MOST_BYTES,
    silent_seconds: float = _SILENT_SECONDS,
    most_seconds: float = _MOST_SECONDS,
) -> Iterator[Path]:
    """Yields a temporary file with what is at a URL.

    Args:
        url: With https, or with http on this machine.
        progress: Called with the bytes so far, and those of the whole if the server says how many.
        most_bytes: The limit of the size.
        silent_seconds: How long the server may send nothing.
        most_seconds: The limit of the time.

    Raises:
        DownloadError: The URL is not allowed, the server does not respond well, or a limit is reached.
    """
    _check(url)
    with tempfile.TemporaryDirectory(prefix="async-endpoint-prices-") as folder:
        path = Path(folder) / "index.json"
        try:
            # A proxy reaches other machines, and not this one.
            own = [urllib.request.ProxyHandler({})] if urlsplit(url).scheme == "http" else []
            opener = urllib.request.build_opener(_NoPlainRedirects, *own)
            with opener.open(url, timeout=silent_seconds) as response, path.open("wb") as file:
                _copy(url, response, file, progress, most_bytes=most_bytes, until=time.monotonic() + most_seconds)
        except urllib.error.HTTPError as error:
            error.close()
            raise DownloadError(
                f"{url} responds with status {error.code}: check the offer and the region in it."
            ) from error
        except UnicodeError as error:
            raise DownloadError(f"{url} is no URL: a part of it cannot be sent. Escape it.") from error
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            raise DownloadError(f"{url} cannot be downloaded: {getattr(cause, 'strerror', None) or cause}.") from error
        yield path


def is_url(source: str) -> bool:
    """Returns whether a source is a URL, of whatever scheme, and not a file."""
    return "://" in source


def _check(url: str, *, plain: bool = True) -> None:
    """Rejects what is not https; with `plain`, http on this machine is allowed, too."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise DownloadError(f"{url} is no URL: {error}.") from error
    allowed = parts.scheme == "https" or (plain and parts.scheme == "http" and _is_loopback(host or ""))
    if not host or not allowed:
        raise DownloadError(f"{url} is not allowed: a price list is downloaded over https.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _copy(
    url: str,
    response: Any,
    file: IO[bytes],
    progress: Callable[[int, int | None], None],
    *,
    most_bytes: int,
    until: float,
) -> None:
    length = response.headers.get("Content-Length")
    whole = int(length) if length and length.isdecimal() else None
    too_large = f"{url} has more than {most_bytes:,} bytes: take the list of one region."
    if whole is not None and whole > most_bytes:
        raise DownloadError(too_large)
    received = 0
    while chunk := response.read1(_CHUNK_BYTES):  # what has come, so that a slow server does not outlast the limit
        received += len(chunk)
        if received > most_bytes:
            raise DownloadError(too_large)
        if time.monotonic() > until:
            raise DownloadError(f"{url} takes too long: download it with another program, and name the file.")
        file.write(chunk)
        progress(received, whole)
    if whole is not None and received < whole:
        raise DownloadError(f"{url} ended after {received:,} of {whole:,} bytes: try again.")
