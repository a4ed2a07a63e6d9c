"""The settings of the model: where its archive comes from, and how it is served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from stacks.fields import S3_LOCATION, OneOf, SettingsError, Texts, WholeNumber
from stacks.sections.base import Section

_ONE_GIGABYTE = 1_073_741_824
BUILT = "built"
ARCHIVE = "archive"
PREFIX = "prefix"
INCLUDED = "included"


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Section):
    """Where the model comes from: built here, an archive in S3, or the same files uncompressed under a prefix."""

    table: ClassVar[str] = "model"

    source: Annotated[str, OneOf((BUILT, ARCHIVE, PREFIX))] = BUILT
    location: Annotated[str, S3_LOCATION] | None = None
    dependencies: Annotated[
        str,
        OneOf(("install", INCLUDED), "installed by pip when a container starts, or part of the archive or the image"),
    ] = "install"
    environment: Annotated[
        Mapping[str, str], Texts(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}", "of letters, digits and underscores")
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the fields, and that the source has the location that it needs."""
        super().__post_init__()
        if self.source == BUILT:
            if self.location is not None:
                raise SettingsError(
                    f'model.location is "{self.location}" and model.source "{BUILT}", which is packed from '
                    f'model_artifacts/: take the location out, or set source = "{ARCHIVE}" or "{PREFIX}".'
                )
            return
        ending, form = (".tar.gz", "an archive") if self.source == ARCHIVE else ("/", "a prefix")
        if self.location is None or not self.location.endswith(ending) or self.location.count("/") < len("///"):
            found = "missing" if self.location is None else f'"{self.location}"'
            raise SettingsError(
                f'model.location is {found} and model.source "{self.source}"; give {form} in S3 that ends in '
                f"{ending}, as s3://bucket/models/donut{ending}."
            )


@dataclass(frozen=True, kw_only=True)
class ServingSettings(Section):
    """The model server inside the container."""

    table: ClassVar[str] = "serving"

    workers: Annotated[int, WholeNumber(1, 64, "each holds its own copy of the model")] = 1
    timeout_seconds: Annotated[int, WholeNumber(1, 3600, "it covers one request, and the loading of the model")] = 900
    max_request_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600
    max_response_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600
