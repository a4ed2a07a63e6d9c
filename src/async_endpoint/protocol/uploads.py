"""An uploaded document: the identity of its job, and its InputLocation for SageMaker."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from async_endpoint.protocol.locations import S3Location

if TYPE_CHECKING:
    from async_endpoint.protocol.job_record import JobRecord

PINNED = "pinned/"
"""Where the bucket of the inbox holds the copy of each submitted version, from which SageMaker reads it."""

RUN_UPLOADS = "run/"
"""Where `async-endpoint run` and `bench` upload documents, in the bucket of the inbox."""

_ETAG = "etag:"
_LONGEST_NAME = 255
_UNNAMED = "document"
# An HTTP header carries printable ASCII unchanged, but trims a blank at the end.
_FITS_A_HEADER = re.compile(r"[\x20-\x7e]*[\x21-\x7e]")


def job_id(bucket: str, key: str, version: str) -> str:
    """Returns the InferenceId of an uploaded document: 64 hexadecimal digits, always the same for the same version.

    SHA-256 of bucket, key and version, separated by NUL, which none of the three can contain.

    Args:
        bucket: The bucket's name.
        key: The object's key as S3 stores it, not percent-encoded.
        version: As `Upload.version`.
    """
    return hashlib.sha256(f"{bucket}\0{key}\0{version}".encode("utf-8", "surrogatepass")).hexdigest()


def input_location(document: S3Location, region: str) -> str:
    """Returns an object as a location that InvokeEndpointAsync takes: an HTTP header with s3:// or https://.

    `s3://bucket/key` with the verbatim key, as in AWS's examples. A key with characters that a header cannot carry gets
    the https form, percent-encoded.

    Args:
        document: The object.
        region: The bucket's region.
    """
    if _FITS_A_HEADER.fullmatch(document.key):
        return document.uri
    suffix = ".cn" if region.startswith("cn-") else ""
    path = quote(document.key, errors="surrogatepass")
    return f"https://{document.bucket}.s3.{region}.amazonaws.com{suffix}/{path}"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of an object that was uploaded to the inbox.

    Attributes:
        bucket: The bucket's name.
        key: The object's key as S3 stores it.
        version: The version's id; `etag:…` in a bucket without versioning.
        region: The bucket's region.
        received_at: When S3 stored it; aware.
    """

    bucket: str
    key: str
    version: str
    region: str
    received_at: datetime

    @classmethod
    def from_record(cls, job: JobRecord, *, region: str) -> Upload | None:
        """Returns the upload that a job was recorded with; None for a job that did not come through the inbox.

        Args:
            job: The job.
            region: The bucket's region.
        """
        if job.bucket is None or job.key is None or job.version is None or job.received_at is None:
            return None
        received_at = datetime.fromisoformat(job.received_at)
        return cls(bucket=job.bucket, key=job.key, version=job.version, region=region, received_at=received_at)

    @staticmethod
    def version_of(version_id: str | None, etag: str) -> str:
        """Returns the version of an object; S3 reports `null` for one older than its bucket's versioning."""
        return version_id if version_id and version_id != "null" else f"{_ETAG}{etag.strip(chr(34))}"

    @property
    def job_id(self) -> str:
        """The job's id, which is also its InferenceId."""
        return job_id(self.bucket, self.key, self.version)

    @property
    def etag(self) -> str | None:
        """The ETag that stands for the version in a bucket without versioning, without quotes; None with versions."""
        return self.version.removeprefix(_ETAG) if self.overwritable else None

    @property
    def overwritable(self) -> bool:
        """Whether another upload to the same key replaces this content; the other upload is another job."""
        return self.version.startswith(_ETAG)

    def pinned_key(self, inference_id: str) -> str:
        """Returns the key of the copy that an attempt processes; it fits a header, whatever the document's key is.

        InvokeEndpointAsync cannot name a version, and SageMaker reads the object when its turn comes. The copy has the
        document's name, for the reader of a notification, unless that does not fit.

        Args:
            inference_id: The attempt's InferenceId.
        """
        name = self.key.rpartition("/")[2]
        fits = len(name) <= _LONGEST_NAME and _FITS_A_HEADER.fullmatch(name)
        return f"{PINNED}{inference_id}/{name if fits else _UNNAMED}"

    @property
    def input_location(self) -> str:
        """The document as a location that InvokeEndpointAsync takes; it cannot name a version."""
        return input_location(S3Location(self.bucket, self.key), self.region)
