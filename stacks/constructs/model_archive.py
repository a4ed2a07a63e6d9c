"""The model's files in S3: packed at publishing, or provided by the settings."""

import sys
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from model_artifacts import pack
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
        SettingsError: The model is built here, and no archive can be made of its folder.
    """

    def __init__(self, scope: Construct, construct_id: str, *, folder: Path, settings: ModelSettings) -> None:
        super().__init__(scope, construct_id)
        self.url: str | None = None
        self.data_source: sagemaker.CfnModel.ModelDataSourceProperty | None = None
        self.listed_bucket_arn: str | None = None
        self.version: str | None = None
        if settings.source == BUILT:
            self._publish(folder, settings.dependencies)
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

    def _publish(self, folder: Path, dependencies: str) -> None:
        try:
            digest = pack.digest(folder, dependencies)
        except pack.ArchiveError as error:
            raise SettingsError(str(error)) from None
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
                dependencies,
            ],
            display_name="model.tar.gz",
        )
        self.url = asset.s3_object_url
        self.object_arns = f"arn:{stack.partition}:s3:::{asset.bucket_name}/{asset.object_key}"
