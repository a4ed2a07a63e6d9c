"""Tags documents with the states of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

    from async_endpoint.protocol import JobRecord

STATE_TAG = "async-endpoint-state"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_MOST_TAGS = 10


class InboxDocuments:
    """The documents of the inboxes.

    Tagging fails no outcome: the event is what others rely on, and a document may have expired or been deleted.

    Args:
        s3: The client for S3.
        bucket: The bucket of the inboxes.
    """

    def __init__(self, s3: S3Client, *, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def tag(self, job: JobRecord) -> None:
        """Calls GetObjectTagging and PutObjectTagging for the job's own version of the document.

        Only a job of an inbox has a version.

        S3 replaces all tags at once: those that somebody sets between the two calls are lost.
        """
        if job.bucket != self._bucket or not job.version or not job.key:
            return
        place: dict[str, Any] = {"Bucket": job.bucket, "Key": job.key}
        if not job.overwritable:
            place["VersionId"] = job.version
        try:
            tags = self._s3.get_object_tagging(**place)["TagSet"]
            wanted = with_state(tags, job.state.value)
            if wanted is None:
                logger.warning("The document s3://%s/%s has ten tags already and is not tagged.", job.bucket, job.key)
            elif wanted != tags:
                self._s3.put_object_tagging(**place, Tagging={"TagSet": wanted})
        except (ClientError, BotoCoreError) as error:
            logger.warning("The document s3://%s/%s is not tagged: %s", job.bucket, job.key, error)


def with_state(tags: list[TagTypeDef], state: str) -> list[TagTypeDef] | None:
    """Returns the tags with that of the state; None if S3 takes no further tag."""
    others = [tag for tag in tags if tag["Key"] != STATE_TAG]
    return None if len(others) == _MOST_TAGS else [*others, {"Key": STATE_TAG, "Value": state}]
