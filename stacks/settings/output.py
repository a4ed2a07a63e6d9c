"""The settings of where SageMaker writes results and failures."""

from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from stacks.settings.base import Section
from stacks.settings.fields import S3_LOCATION_PATTERN, S3_LOCATION_WORDS, check_s3_location, matching

OWN: Final = "own"
NONE: Final = "none"


def _check_location(value: str) -> str:
    return value if value in (OWN, NONE) else check_s3_location(value)


OutputPath = Annotated[
    str,
    matching(
        f"{OWN}|{NONE}|{S3_LOCATION_PATTERN}", f'"{OWN}" (the stage\'s output bucket), "{NONE}", or {S3_LOCATION_WORDS}'
    ),
    AfterValidator(_check_location),
]


class OutputSettings(Section):
    """Where results and failures are written."""

    table: ClassVar[str] = "output"

    path: OutputPath = Field(
        OWN,
        description='Results: `"own"` is `results/` in the stage\'s output bucket. `"none"` writes no object, so the '
        "notification must include the result.",
    )
    failure_path: OutputPath = Field(
        OWN, description='Failures: `"own"` is `failures/` in the stage\'s output bucket. `"none"` writes no object.'
    )
