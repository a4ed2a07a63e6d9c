"""The settings of the buckets and of the table of jobs."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.settings.base import Section
from stacks.settings.fields import S3_LOCATION, YES_OR_NO, ListOf, OneOf, WholeNumber


@dataclass(frozen=True, kw_only=True)
class DataSettings(Section):
    """What becomes of the documents and of the answers."""

    table: ClassVar[str] = "data"

    removal_policy: Annotated[str, OneOf(("destroy", "retain"), "what happens to data when its stack goes")] = "retain"
    access_logs: Annotated[bool, YES_OR_NO] = True
    input_expiration_days: Annotated[int, WholeNumber(1, 3650)] = 365
    output_expiration_days: Annotated[int, WholeNumber(1, 3650)] = 365
    further_input_locations: Annotated[tuple[str, ...], ListOf(S3_LOCATION, most=20)] = ()
