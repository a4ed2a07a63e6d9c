"""Locations in S3, in any of the forms that AWS uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
# s3.amazonaws.com, s3.eu-west-1.amazonaws.com, s3-eu-west-1.…, s3.dualstack.eu-west-1.…, s3.cn-north-1.….cn.
# The region is spelt out because a bucket may itself be called s3-something.
_S3_HOST = r"s3(?:[.-](?:dualstack|fips))*(?:[.-][a-z]{2,}(?:-[a-z]+)+-[0-9]+)?\.amazonaws\.com(?:\.cn)?"
_PATH_STYLE = re.compile(_S3_HOST)
_VIRTUAL_HOSTED = re.compile(rf"(?P<bucket>.+)\.{_S3_HOST}")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_MAXIMUM_KEY_BYTES = 1024


class LocationError(ValueError):
    """A text that is not a location in S3; the message is one sentence."""


@dataclass(frozen=True, order=True)
class S3Location:
    """An object, or a prefix, in a bucket.

    Attributes:
        bucket: The bucket's name.
        key: The object's key as S3 stores it (not percent-encoded); empty only where a whole bucket is the prefix.

    Raises:
        LocationError: S3 does not allow the bucket's name or the key.
    """

    bucket: str
    key: str

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise LocationError(
                f"{self.bucket!r} is not a bucket name: it takes 3 or more letters, digits, dots and hyphens."
            )
        if len(self.key.encode("utf-8", "surrogatepass")) > _MAXIMUM_KEY_BYTES:
            raise LocationError(f"The key {self.key[:40]!r}… is longer than S3's {_MAXIMUM_KEY_BYTES} bytes.")

    @classmethod
    def from_uri(cls, text: str) -> S3Location:
        """Returns the location of an object.

        Takes `s3://bucket/key`, both https styles (`https://bucket.s3.region.amazonaws.com/key` and
        `https://s3.region.amazonaws.com/bucket/key`) and the path style of a local AWS
        (`http://localhost:4566/bucket/key`). The key of a URL is percent-decoded; that of an s3 URI is verbatim.

        Raises:
            LocationError: The text has none of these forms, or has no key.
        """
        location = cls.from_prefix_uri(text)
        if not location.key:
            raise LocationError(f"{text!r} names a bucket but no object in it: add the key after the bucket.")
        return location

    @classmethod
    def from_prefix_uri(cls, text: str) -> S3Location:
        """Returns the location of a prefix: like `from_uri`, but the key may be empty.

        Raises:
            LocationError: The text has none of these forms.
        """
        if text.startswith("s3://"):
            bucket, _, key = text.removeprefix("s3://").partition("/")
            return cls(bucket, key)
        if text.startswith(("https://", "http://")):
            return cls(*_split_url(text))
        raise LocationError(
            f"{text!r} is not a location in S3: write s3://bucket/key or https://bucket.s3.region.amazonaws.com/key."
        )

    @property
    def uri(self) -> str:
        """The location as `s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"

    def child(self, name: str) -> S3Location:
        """Returns the location of `name` below this prefix, with exactly one slash between them."""
        return S3Location(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key.strip("/") else name)

    def __str__(self) -> str:
        return self.uri


def _split_url(text: str) -> tuple[str, str]:
    """Returns bucket and key of an http(s) URL of S3 or of a local AWS."""
    try:
        url = urlsplit(text)
        host = url.hostname or ""
    except ValueError as error:
        raise LocationError(f"{text!r} is not a URL: {error}.") from error
    if url.query or url.fragment:
        raise LocationError(f"{text!r} carries more than a location: leave out what follows '?' or '#'.")
    path = url.path.removeprefix("/")
    is_local = host in _LOCAL_HOSTS
    if is_local or (url.scheme == "https" and _PATH_STYLE.fullmatch(host)):
        bucket, _, key = path.partition("/")
        return unquote(bucket), unquote(key)
    virtual_hosted = _VIRTUAL_HOSTED.fullmatch(host)
    if url.scheme == "https" and virtual_hosted:
        return virtual_hosted["bucket"], unquote(path)
    raise LocationError(f"{text!r} is not a URL of S3: its host is neither *.amazonaws.com over https nor localhost.")
