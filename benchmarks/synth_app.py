"""The app of the stage dev with another model, for `cdk synth --app`: `synth_app.py (ours | asset) FOLDER ARCHIVE`.

`asset` has the archive as a plain asset of the CDK, which reads and copies it at every synth.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from aws_cdk import aws_s3_assets as assets
from constructs import Construct

import stacks.endpoint
from app import build_app
from stacks.settings.model import ModelSettings


class PlainAsset(Construct):
    """The archive as `aws_s3_assets.Asset`, instead of ModelArchive."""

    data_source = None
    listed_bucket_arn = None
    version = None

    def __init__(self, scope: Construct, construct_id: str, *, folder: Path, settings: ModelSettings) -> None:
        super().__init__(scope, construct_id)
        del folder, settings
        asset = assets.Asset(self, "Asset", path=sys.argv[3])
        self.url = asset.s3_object_url
        self.object_arns = asset.bucket.arn_for_objects(asset.s3_object_key)


if sys.argv[1] == "asset":
    stacks.endpoint.ModelArchive = PlainAsset  # type: ignore[assignment, attr-defined]
build_app(artifacts=Path(sys.argv[2])).synth()
