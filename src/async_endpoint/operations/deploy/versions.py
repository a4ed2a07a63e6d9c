"""The versions of a stack that have served: their templates, in the bucket of the CDK's assets.

That bucket is readable and writable by those who deploy, and by nobody else: a template in it is trusted as much as the
code that is deployed from there. docs/decisions/0034 has the reasons.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.deploy.deployed_stack import DeployedStack, Template, digest_of, read_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_s3.client import S3Client

KEPT_VERSIONS = 10
_PREFIX = "async-endpoint-versions"
_ENDING = ".template.json"
_DIGITS = 12


@dataclass(frozen=True, order=True)
class Version:
    """A kept version, ordered by when it served last before another was deployed.

    Attributes:
        name: `TIME-DIGEST`: when it was kept, and the first digits of its template's digest.
    """

    name: str

    @classmethod
    def of(cls, template: Template, at: datetime) -> Self:
        """Names the version with this template, kept at a moment in UTC."""
        return cls(f"{at:%Y%m%dT%H%M%S.%f}Z-{digest_of(template)[:_DIGITS]}")

    def has(self, template: Template) -> bool:
        """Returns whether it is the version with this template."""
        return self.name.endswith(f"-{digest_of(template)[:_DIGITS]}")


class VersionStore:
    """The kept versions of one stack, the newest ten.

    Args:
        s3: A client in the bucket's region.
        bucket: The bucket of the CDK's assets.
        account: The account that owns it; a bucket of that name in another account is rejected.
        stack: The stack's name.
    """

    def __init__(self, s3: S3Client, *, bucket: str, account: str, stack: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._account = account
        self._prefix = f"{_PREFIX}/{stack}/"

    @classmethod
    def of_stack(cls, s3: S3Client, stack: DeployedStack) -> Self | None:
        """Returns the store of a stack; None if it has no bucket for assets."""
        bucket = stack.asset_bucket
        return cls(s3, bucket=bucket, account=stack.account, stack=stack.name) if bucket else None

    def list(self) -> list[Version]:
        """Returns all versions, the oldest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix, ExpectedBucketOwner=self._account
        )
        keys = [found["Key"] for page in pages for found in page.get("Contents", []) if "Key" in found]
        return sorted(
            Version(key.removeprefix(self._prefix).removesuffix(_ENDING)) for key in keys if key.endswith(_ENDING)
        )

    def read(self, version: Version) -> Template:
        """Returns the template of a version."""
        found = self._s3.get_object(Bucket=self._bucket, Key=self._key(version), ExpectedBucketOwner=self._account)
        template: Template = json.loads(found["Body"].read())
        return template

    def keep(self, template: Template, at: datetime) -> Version:
        """Makes this the newest version, and forgets those beyond the newest ten.

        Args:
            template: The template.
            at: Now, in UTC.
        """
        version = Version.of(template, at)
        self._s3.put_object(
            Bucket=self._bucket,
            Key=self._key(version),
            Body=json.dumps(template, indent=1).encode(),
            ContentType="application/json",
            ExpectedBucketOwner=self._account,
        )
        found = self.list()
        earlier = [each for each in found if each != version and each.has(template)]
        others = [each for each in found if each not in earlier]
        for each in (*earlier, *others[:-KEPT_VERSIONS]):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(each), ExpectedBucketOwner=self._account)
        return version

    def url(self, version: Version) -> str:
        """Returns the URL under which CloudFormation reads a version's template, with the caller's permissions."""
        return f"{self._s3.meta.endpoint_url}/{self._bucket}/{self._key(version)}"

    def _key(self, version: Version) -> str:
        return f"{self._prefix}{version.name}{_ENDING}"


class VersionKeeper:
    """Keeps what served before a deploy, and what serves after it. An error of AWS is a line, and fails no deploy.

    Args:
        cloudformation: A client in the stack's region.
        s3: A client in the same region.
        stack: The stack's name.
        serves: Returns whether the stack's endpoint serves the deployed configuration.
        say: Takes a line about what could not be kept.
        now: Returns the time in UTC.
    """

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        s3: S3Client,
        *,
        stack: str,
        serves: Callable[[], bool],
        say: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._cloudformation = cloudformation
        self._s3 = s3
        self._stack = stack
        self._serves = serves
        self._say = say
        self._now = now
        self._before: DeployedStack | None = None

    def before(self) -> None:
        """Remembers what serves before a deploy."""
        try:
            self._before = self._serving()
        except (BotoCoreError, ClientError) as error:
            self._say(f"The deployed version cannot be read, so it is not kept for a rollback: {error}")

    def after(self) -> None:
        """Keeps both versions if the deploy has changed something, with the one that serves now as the newest."""
        try:
            self._keep(self._before, self._serving())
        except (BotoCoreError, ClientError) as error:
            self._say(f"The version is not kept for a rollback: {error}")

    def _serving(self) -> DeployedStack | None:
        return read_stack(self._cloudformation, self._stack) if self._serves() else None

    def _keep(self, before: DeployedStack | None, after: DeployedStack | None) -> None:
        known = before or after
        store = VersionStore.of_stack(self._s3, known) if known else None
        if store is None:
            return
        is_changed = before is None or after is None or before.digest != after.digest
        if before and is_changed:
            store.keep(before.template, self._now())
        if after and (is_changed or not any(each.has(after.template) for each in store.list())):
            store.keep(after.template, self._now())
