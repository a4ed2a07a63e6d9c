"""Model archives, downloaded from S3 once for each version."""

import hashlib
import threading
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.errors import ModelUnavailable
from async_endpoint.protocol.locations import S3Location


class ArchiveCache:
    """Archives by location and ETag, so that a second instance starts without a download; thread-safe."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._folder = clients.workdir / "archives"
        self._lock = threading.Lock()

    def fetch(self, url: str) -> Path:
        """Returns the local copy of the archive at an `s3://` URL.

        Raises:
            ModelUnavailable: There is no such object, or S3 does not answer.
        """
        place = S3Location.from_uri(url)
        with self._lock:
            try:
                etag = self._clients.s3.head_object(Bucket=place.bucket, Key=place.key)["ETag"]
                name = hashlib.sha256(f"{place.uri} {etag}".encode()).hexdigest()[:16]
                path = self._folder / f"{name}.tar.gz"
                if not path.exists():
                    self._folder.mkdir(parents=True, exist_ok=True)
                    part = path.with_suffix(".part")
                    self._clients.s3.download_file(place.bucket, place.key, str(part))
                    part.rename(path)
            except (Boto3Error, BotoCoreError, ClientError) as error:
                raise ModelUnavailable(
                    f"Could not find model data at {url}. Please ensure that the role can read it. ({error})"
                ) from error
        return path
