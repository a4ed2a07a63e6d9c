"""An uploaded document: what makes it one job, and how SageMaker is told where it lies."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from async_endpoint.protocol.locations import S3Location

if TYPE_CHECKING:
    from datetime import datetime

_ETAG = "etag:"
# What an HTTP header carries unchanged: printable ASCII, and no blank at the end, which is trimmed on the way.
_FIT_FOR_A_HEADER = re.compile(r"[\x20-\x7e]*[\x21-\x7e]")


def job_id(bucket: str, key: str, version: str) -> str:
    """The InferenceId of an uploaded document: 64 hexadecimal digits, the same wherever they are computed.

    SHA-256 of bucket, key and version with a NUL between them, which none of the three can contain.

    Args:
        bucket: The bucket's name.
        key: The object's key as S3 stores it, not percent-encoded.
        version: As `Upload.version`.
    """
    return hashlib.sha256(f"{bucket}\0{key}\0{version}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of an object that was put into the inbox.

    Attributes:
        bucket: The bucket's name.
        key: The object's key as S3 stores it.
        version: The version's id; `etag:…` where the bucket keeps no versions.
        region: The bucket's region.
        received_at: When S3 took it; aware.
    """

    bucket: str
    key: str
    version: str
    region: str
    received_at: datetime

    @staticmethod
    def version_of(version_id: str | None, etag: str) -> str:
        """The version of an object; S3 says `null` for one that was put before its bucket kept versions."""
        return version_id if version_id and version_id != "null" else f"{_ETAG}{etag.strip(chr(34))}"

    @property
    def job_id(self) -> str:
        """The job's id, which is also its InferenceId."""
        return job_id(self.bucket, self.key, self.version)

    @property
    def overwritable(self) -> bool:
        """Whether the bucket forgets this content when the key is written again; that is then another job."""
        return self.version.startswith(_ETAG)

    @property
    def input_location(self) -> str:
        """The InputLocation of InvokeEndpointAsync, which travels in an HTTP header and takes s3:// or https://.

        `s3://bucket/key` with the key as it is, the form of every example of AWS's. A key with other than printable
        ASCII does not go through a header: it gets the https form, percent-encoded. Neither form names a version.
        """
        if _FIT_FOR_A_HEADER.fullmatch(self.key):
            return S3Location(self.bucket, self.key).uri
        suffix = ".cn" if self.region.startswith("cn-") else ""
        path = quote(self.key, errors="surrogatepass")
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com{suffix}/{path}"
