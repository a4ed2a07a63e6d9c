"""model.tar.gz as an asset that is packed when it is published."""

import sys
from pathlib import Path

from aws_cdk import Stack
from constructs import Construct

from model_artifacts import pack


class ModelArchive(Construct):
    """Names the archive by the digest of its inputs; `pack.py` makes it when the CDK CLI publishes the assets.

    `url` and `object_arn` are where the archive will stand. The asset manifest, not the template, names this
    interpreter and the folder: publish where you synthesise.
    """

    def __init__(self, scope: Construct, construct_id: str, *, folder: Path) -> None:
        super().__init__(scope, construct_id)
        digest = pack.digest(folder)
        stack = Stack.of(self)
        place = stack.synthesizer.add_file_asset(
            # Without a file the object's key is the hash alone: the ending makes it one of an archive.
            source_hash=f"{digest}.tar.gz",
            executable=[sys.executable, str(Path(pack.__file__)), "--folder", str(folder), "--expect", digest],
            display_name="model.tar.gz",
        )
        self.url = place.s3_object_url
        self.object_arn = f"arn:{stack.partition}:s3:::{place.bucket_name}/{place.object_key}"
