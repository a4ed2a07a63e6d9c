"""The model's files in S3: packed at publishing, or provided by the settings."""

import sys
from pathlib import Path

from aws_cdk import Annotations, Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, ImageName, ModelServer, ServingImage
from model_artifacts import pack
from model_artifacts.packing.server_manifest import HANDLER
from stacks.constructs.bucket_path import BucketPath
from stacks.settings.fields import SettingsError
from stacks.settings.model import BUILT, PREFIX, ModelSettings


class ModelArchive(Construct):
    """An archive or a prefix in S3 that SageMaker copies into the container.

    An archive that is built here is named by the digest of its inputs; `pack.py` makes it when the CDK CLI publishes
    the assets. The asset manifest, not the template, names this interpreter and the folder: publish where you
    synthesise.

    Attributes:
        url: The archive; None for a prefix.
        data_source: The prefix; None for an archive.
        object_arns: ARN of the objects that the role must read.
        listed_bucket_arn: The bucket that the role must list; None for an archive.
        version: The first digits of the inputs' digest; None for a model that is not built here.

    Raises:
        SettingsError: The model is built here, and no archive can be made of its folder, or its code makes no batches
            and neither does the image's server.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        folder: Path,
        settings: ModelSettings,
        image: ServingImage,
        batch_size: int = 1,
    ) -> None:
        super().__init__(scope, construct_id)
        self.url: str | None = None
        self.data_source: sagemaker.CfnModel.ModelDataSourceProperty | None = None
        self.listed_bucket_arn: str | None = None
        self.version: str | None = None
        if settings.source == BUILT:
            _require_batches(folder, image, batch_size)
            self._publish(folder, settings, image.name)
            return
        path = BucketPath.from_url(self, str(settings.location))
        if settings.source == PREFIX:
            self.object_arns = path.objects_arn
            self.listed_bucket_arn = path.bucket_arn
            self.data_source = sagemaker.CfnModel.ModelDataSourceProperty(
                s3_data_source=sagemaker.CfnModel.S3DataSourceProperty(
                    # The slash ends the prefix: without it, other prefixes that begin alike would match.
                    s3_uri=f"{path.url}/",
                    s3_data_type="S3Prefix",
                    compression_type="None",
                )
            )
        else:
            self.object_arns = path.object_arn
            self.url = path.url

    def _publish(self, folder: Path, settings: ModelSettings, image: ImageName) -> None:
        program = settings.environment.get("SAGEMAKER_PROGRAM", pack.PROGRAM)
        try:
            digest, notes = pack.digest_and_notes(folder, settings.dependencies, program, image=image)
        except pack.ArchiveError as error:
            raise SettingsError(str(error)) from None
        for note in notes:  # the CDK CLI does not show what the packing step prints
            Annotations.of(self).add_info(note)
        self.version = digest[:12]
        stack = Stack.of(self)
        asset = stack.synthesizer.add_file_asset(
            # Without a file the object's key is the hash alone: the suffix makes it an archive's.
            source_hash=f"{digest}.tar.gz",
            executable=[
                sys.executable,
                str(Path(pack.__file__)),
                "--folder",
                str(folder),
                "--expect",
                digest,
                "--dependencies",
                settings.dependencies,
                *(["--program", program] if program != pack.PROGRAM else []),
                *(["--image", image] if image != DEFAULT_IMAGE else []),
            ],
            display_name="model.tar.gz",
        )
        self.url = asset.s3_object_url
        self.object_arns = f"arn:{stack.partition}:s3:::{asset.bucket_name}/{asset.object_key}"


def _require_batches(folder: Path, image: ServingImage, batch_size: int) -> None:
    """Checks that code for a server without batches makes them: else each of its many workers loads the model."""
    if image.server is not ModelServer.MULTI_MODEL_SERVER or batch_size == 1 or (folder / HANDLER).is_file():
        return
    raise SettingsError(
        f'serving.batch_size is {batch_size} and endpoint.image "{image.name}", whose {image.server} makes no batches, '
        f"and {folder.name}/{HANDLER} is missing, which would: set batch_size = 1, or see docs/your-model.md for the "
        "files to copy."
    )
