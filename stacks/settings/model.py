"""The settings of the model: where its files come from, and what its container gets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import S3Location, SettingsError, advice, allowed, matching

BUILT: Final = "built"
ARCHIVE: Final = "archive"
PREFIX: Final = "prefix"
INCLUDED: Final = "included"
INSTALL: Final = "install"

_PART = r"[A-Za-z0-9_](\.?[A-Za-z0-9_-])*\.?"  # of a path; never two dots in a row
Folder = Annotated[
    str, matching(f"{_PART}(/{_PART})*", "a folder below the repository's, such as samples/tiny_classifier")
]
File = Annotated[
    str,
    matching(f"{_PART}(/{_PART})*", "a file below the repository's folder, such as samples/receipts/receipt-000.jpg"),
]
VariableName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,1023}$")]


class ModelSettings(Section):
    """Where the model comes from: built here, an archive in S3, or the same files uncompressed under a prefix."""

    table: ClassVar[str] = "model"

    source: Literal["built", "archive", "prefix"] = Field(
        BUILT,
        description='`"built"` packs `model.folder` into an archive. `"archive"` is a `.tar.gz` that is already in S3. '
        '`"prefix"` is the same files uncompressed under a prefix in S3; instances start sooner, as nothing is '
        "unpacked.",
    )
    folder: Folder = Field(
        "model_artifacts",
        description='The folder that a `"built"` model is packed from. It holds the weights, in `my_model/` or on top, '
        "and `code/`; see [your own model](your-model.md).",
    )
    location: S3Location | None = Field(
        None,
        description="Where the files are in S3. Required for an archive, where it ends in `.tar.gz`, and for a prefix, "
        'where it ends in `/`; not allowed for `"built"`.',
    )
    dependencies: Literal["included", "install"] = Field(
        INCLUDED,
        json_schema_extra=advice("part of the archive or the image, or installed by pip when a container starts"),
        description='`"included"`: the archive holds the packages of the lock in `code/` for the image, or the image '
        'has them. `"install"`: pip installs `code/requirements.txt` when a container starts.',
    )
    sample: File | None = Field(
        None,
        json_schema_extra=advice("without one, a deployment counts as good when the endpoint is in service"),
        description="A document, relative to the repository's folder, that `make deploy` has processed after each "
        "deployment. The output `InvokeCommand` submits one of its kind.",
    )
    environment: Mapping[VariableName, str] = Field(
        {},
        json_schema_extra=allowed("a table of texts in quotes, each name of letters, digits and underscores")
        | {"additionalProperties": False},
        description="More environment variables of the container. Those that `[serving]` sets are rejected. Put no "
        "secrets here: anyone who can read the template can read them.",
    )

    @model_validator(mode="after")
    def _check_location(self) -> Self:
        """Checks that the source has the location that it needs."""
        if self.source == BUILT:
            if self.location is not None:
                raise SettingsError(
                    f'model.location is "{self.location}" and model.source "{BUILT}", which is packed from '
                    f'{self.folder}/: take the location out, or set source = "{ARCHIVE}" or "{PREFIX}".'
                )
            return self
        ending, form = (".tar.gz", "an archive") if self.source == ARCHIVE else ("/", "a prefix")
        if self.location is None or not self.location.endswith(ending) or self.location.count("/") < len("///"):
            found = "missing" if self.location is None else f'"{self.location}"'
            raise SettingsError(
                f'model.location is {found} and model.source "{self.source}"; give {form} in S3 that ends in '
                f"{ending}, such as s3://bucket/models/donut{ending}."
            )
        return self

    def sample_in(self, root: Path) -> Path | None:
        """Returns the path of the sample; None without one.

        Raises:
            SettingsError: There is no such file.
        """
        if self.sample is None:
            return None
        if not (root / self.sample).is_file():
            raise SettingsError(
                f'model.sample is "{self.sample}", which is not a file; give a document, relative to the repository\'s '
                "folder, or take the line out."
            )
        return root / self.sample

    def artifacts_in(self, root: Path) -> Path:
        """Returns the folder that the archive is packed from.

        Raises:
            SettingsError: For a model that is built here, from a folder that does not exist. What is wrong inside of
                the folder is for the packing step to say.
        """
        folder = root / self.folder
        if self.source == BUILT and not folder.is_dir():
            raise SettingsError(
                f'model.folder is "{self.folder}", which does not exist; give the folder that holds the weights and '
                "code/, relative to the repository's."
            )
        return folder
