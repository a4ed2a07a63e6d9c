"""The settings of the buckets and of the jobs table."""

from typing import ClassVar, Literal

from pydantic import Field

from stacks.settings.base import Section
from stacks.settings.fields import ListOf, S3Location, advice


class DataSettings(Section):
    """How long documents, results and job records are kept, and what happens to them when the stack is deleted."""

    table: ClassVar[str] = "data"

    removal_policy: Literal["destroy", "retain"] = Field(
        "retain",
        json_schema_extra=advice("what happens to data when its stack is deleted"),
        description="What happens to the buckets and the jobs table when their stack is deleted. "
        '`"destroy"` deletes buckets only once they are empty; `"retain"` also protects the table from deletion.',
    )
    access_logs: bool = Field(True, description="Whether a third bucket keeps the access logs of the other two.")
    input_expiration_days: int = Field(365, ge=1, le=3650, description="Age at which documents are deleted.")
    output_expiration_days: int = Field(
        365, ge=1, le=3650, description="Age at which results and failure records are deleted."
    )
    further_input_locations: ListOf[S3Location] = Field(
        (),
        max_length=20,
        description="More places that the endpoint may read documents from, such as a caller's own bucket. A bucket in "
        "another account must allow the execution role, and so must the key that encrypts it.",
    )
