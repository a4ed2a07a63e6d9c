"""Where the model's files stand: packed when they are published, or brought by somebody else."""

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
    """An archive or a prefix in S3 that SageMaker puts into the container.

    One that is built here is named by the digest of its inputs; `pack.py` makes it when the CDK CLI publishes the
    assets. The asset manifest, not the template, names this interpreter and the folder: publish where you synthesise.

    `url` is None for a prefix, and `data_source` for an archive. `object_arns` is what has to be readable, and
    `listed_bucket_arn` what has to be listable, which a prefix takes. `version` is short for the inputs' digest,
    None for an archive that is not built here.

    Raises:
        SettingsError: For a model that is built here, of whose folder no archive can be made.
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
        location = BucketPath.from_url(self, str(settings.location))
        if settings.source == PREFIX:
            self.object_arns = location.objects_arn
            self.listed_bucket_arn = location.bucket_arn
            self.data_source = sagemaker.CfnModel.ModelDataSourceProperty(
                s3_data_source=sagemaker.CfnModel.S3DataSourceProperty(
                    # The slash ends the prefix: without it, neighbours whose names begin alike would come along.
                    s3_uri=f"{location.url}/",
                    s3_data_type="S3Prefix",
                    compression_type="None",
                )
            )
        else:
            self.object_arns = location.object_arn
            self.url = location.url

    def _publish(self, folder: Path, dependencies: str) -> None:
        try:
            digest = pack.digest(folder, dependencies)
        except pack.ArchiveError as error:
            raise SettingsError(str(error)) from None
        self.version = digest[:12]
        stack = Stack.of(self)
        place = stack.synthesizer.add_file_asset(
            # Without a file the object's key is the hash alone: the ending makes it one of an archive.
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
        self.url = place.s3_object_url
        self.object_arns = f"arn:{stack.partition}:s3:::{place.bucket_name}/{place.object_key}"
