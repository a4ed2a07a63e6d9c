"""The settings of the model: where its archive comes from, and how it is served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from stacks.settings.base import Section
from stacks.settings.fields import S3_LOCATION, OneOf, SettingsError, Text, Texts, WholeNumber

_ONE_GIGABYTE = 1_073_741_824
BUILT = "built"
ARCHIVE = "archive"
PREFIX = "prefix"
INCLUDED = "included"
INSTALL = "install"
_SCRIPT = "code/inference.py"


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Section):
    """Where the model comes from: built here, an archive in S3, or the same files uncompressed under a prefix."""

    table: ClassVar[str] = "model"

    source: Annotated[str, OneOf((BUILT, ARCHIVE, PREFIX))] = BUILT
    folder: Annotated[
        str, Text(r"(?!.*\.\.)\w[\w.-]*(/\w[\w.-]*)*", "a folder below the repository's, as samples/tiny_classifier")
    ] = "model_artifacts"
    location: Annotated[str, S3_LOCATION] | None = None
    dependencies: Annotated[
        str,
        OneOf((INCLUDED, INSTALL), "part of the archive or the image, or installed by pip when a container starts"),
    ] = INCLUDED
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
                    f'{self.folder}/: take the location out, or set source = "{ARCHIVE}" or "{PREFIX}".'
                )
            return
        ending, form = (".tar.gz", "an archive") if self.source == ARCHIVE else ("/", "a prefix")
        if self.location is None or not self.location.endswith(ending) or self.location.count("/") < len("///"):
            found = "missing" if self.location is None else f'"{self.location}"'
            raise SettingsError(
                f'model.location is {found} and model.source "{self.source}"; give {form} in S3 that ends in '
                f"{ending}, as s3://bucket/models/donut{ending}."
            )

    def artifacts_in(self, root: Path) -> Path:
        """The folder that the archive is packed from.

        Raises:
            SettingsError: For a model that is built here, from a folder that is not there or holds no script.
        """
        folder = root / self.folder
        if self.source == BUILT and not (folder / _SCRIPT).is_file():
            lack = f"has no {_SCRIPT}" if folder.is_dir() else "is not there"
            raise SettingsError(
                f'model.folder is "{self.folder}", which {lack}; give the folder that holds my_model/ and {_SCRIPT}, '
                "relative to the repository's."
            )
        return folder


@dataclass(frozen=True, kw_only=True)
class ServingSettings(Section):
    """The model server inside the container; `stacks/serving_limits.py` has what follows from it."""

    table: ClassVar[str] = "serving"

    workers: Annotated[int, WholeNumber(1, 64, "each holds its own copy of the model")] = 1
    batch_size: Annotated[int, WholeNumber(1, 256, "requests that a worker reads together")] = 1
    batch_delay_milliseconds: Annotated[int, WholeNumber(0, 60_000, "how long a batch waits until it is full")] = 50
    timeout_seconds: Annotated[int, WholeNumber(1, 1800, "how long a worker may take for one batch")] = 300
    load_timeout_seconds: Annotated[int, WholeNumber(1, 3600, "how long a worker may take to load the model")] = 240
    max_request_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600
    max_response_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600
