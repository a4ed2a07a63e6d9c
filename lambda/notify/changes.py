"""A change of a job, from a record of the jobs table's stream.

Record: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from async_endpoint.protocol import JOBS_REVISION_ATTRIBUTE, JobRecord, JobRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

_from_dynamodb = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Change:
    """One write to a job.

    Attributes:
        before: The job before it; None if the write created the job.
        after: The job after it.
        revision: The number of the write among those to this job.
    """

    before: JobRecord | None
    after: JobRecord
    revision: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Change:
        """Reads a record of the stream.

        Raises:
            JobRecordError: The record has no new image, or an image is not a job.
        """
        images = record.get("dynamodb", {})
        after = _item(images.get("NewImage"))
        if after is None:
            raise JobRecordError(f"The record {record.get('eventID')!r} of the stream has no image of a job.")
        return cls.from_item(after, before=_item(images.get("OldImage")))

    @classmethod
    def from_item(cls, item: Mapping[str, Any], *, before: Mapping[str, Any] | None = None) -> Change:
        """Reads the item of a job, and the item before it, if there was one.

        Raises:
            JobRecordError: An item is not a job.
        """
        return cls(
            before=JobRecord.from_item(before) if before else None,
            after=JobRecord.from_item(item),
            revision=int(item.get(JOBS_REVISION_ATTRIBUTE, 0)),
        )

    @property
    def is_outcome(self) -> bool:
        """Whether the write gave the job another outcome.

        Not the merge of more facts into the same outcome. Nor an earlier attempt that turns out to have a result, too.
        """
        if not self.after.state.is_final:
            return False
        before = self.before
        return before is None or before.state is not self.after.state or before.attempt < self.after.attempt


def _item(image: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name: _from_dynamodb(value) for name, value in image.items()} if image else None
