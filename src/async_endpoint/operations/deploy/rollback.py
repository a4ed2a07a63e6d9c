"""Puts the endpoint's stack back to a version that has served, by CloudFormation."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from async_endpoint.operations.deploy.change_set import ChangeSet
from async_endpoint.operations.deploy.deployed_stack import read_stack
from async_endpoint.operations.deploy.versions import VersionStore
from async_endpoint.operations.preflight.intrinsics import PseudoParameters, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_s3.client import S3Client

    from async_endpoint.operations.deploy.deployed_stack import DeployedStack, Template
    from async_endpoint.operations.deploy.versions import Version

_MODEL = "AWS::SageMaker::Model"
_MODEL_VERSION = "MODEL_VERSION"


class RollbackError(Exception):
    """A rollback that cannot begin; the message says why, and what to do instead."""


@dataclass(frozen=True)
class KeptVersion:
    """A version that a rollback may go to.

    Attributes:
        version: The version.
        is_deployed: Whether its template is the stack's now.
        model: The digest of its model, its archive, or that it has none.
        image: Its container image.
    """

    version: Version
    is_deployed: bool
    model: str
    image: str


class Rollback:
    """A stack and its kept versions.

    Args:
        cloudformation: A client in the stack's region.
        s3: A client in the same region.
        stack: The stack's name.
        timeout: Seconds to wait for CloudFormation, each time.

    Raises:
        RollbackError: There is no such stack, or nothing can be kept for it.
    """

    def __init__(self, cloudformation: CloudFormationClient, s3: S3Client, *, stack: str, timeout: float) -> None:
        self._cloudformation = cloudformation
        self._s3 = s3
        self._timeout = timeout
        found = read_stack(cloudformation, stack)
        if found is None:
            raise RollbackError(f"There is no stack {stack}, or its creation failed: there is nothing to roll back.")
        store = VersionStore.of_stack(s3, found)
        if store is None:
            raise RollbackError(f"Stack {stack} names no bootstrap of the CDK, in whose bucket versions are kept.")
        self._deployed: DeployedStack = found
        self._store = store

    def list(self) -> list[KeptVersion]:
        """Returns the kept versions, the newest first."""
        return [self._described(version) for version in reversed(self._store.list())]

    def choose(self, name: str | None = None) -> KeptVersion:
        """Returns the version to go to: the named one, or the one before the deployed.

        Raises:
            RollbackError: There is none.
        """
        versions = self._store.list()
        if name is not None:
            found = [each for each in versions if each.name == name]
            if not found:
                raise RollbackError(f"There is no version {name} of {self._deployed.name}: --list shows all.")
            return self._described(found[0])
        before = _before(versions, self._deployed.template)
        if before is None:
            raise RollbackError(
                f"No version before the deployed one is kept for {self._deployed.name}: `async-endpoint deploy`, which "
                "make deploy uses, keeps each version that serves. Deploy the older source instead."
            )
        return self._described(before)

    def plan(self, version: Version) -> ChangeSet:
        """Has CloudFormation plan the way to a version.

        Raises:
            RollbackError: The version's model is not in S3 any more.
            ChangeSetError: CloudFormation does not plan it.
        """
        for location in self._model_locations(self._store.read(version)):
            if not self._is_there(location):
                raise RollbackError(
                    f"Version {version.name} needs {location}, which is not there any more; `cdk gc` deletes such "
                    "archives. Nothing was changed: deploy the version's source, which packs it again."
                )
        return ChangeSet.plan(
            self._cloudformation, self._deployed, template_url=self._store.url(version), timeout=self._timeout
        )

    def runner(self, planned: ChangeSet, version: Version, say: Callable[[str], None]) -> Callable[[], int]:
        """Returns what `Rollout.run` repeats: executes the plan, or a new one once the first is used; 0 for success."""
        plans = [planned]

        def run() -> int:
            change_set = plans.pop() if plans else self.plan(version)
            return 0 if change_set.execute(say, self._timeout) else 1

        return run

    def _described(self, version: Version) -> KeptVersion:
        template = self._store.read(version)
        containers = list(_containers(template))
        first: dict[str, Any] = containers[0] if containers else {}
        model = first.get("Environment", {}).get(_MODEL_VERSION) or next(self._model_locations(template), "no archive")
        image = text_of(first.get("Image"), self._pseudo) or "unknown image"
        return KeptVersion(version, version.has(self._deployed.template), str(model), image.rpartition("/")[2])

    @property
    def _pseudo(self) -> PseudoParameters:
        return PseudoParameters(self._deployed.account, self._deployed.region)

    def _model_locations(self, template: Template) -> Iterator[str]:
        """Yields where the models' files are, as far as the template says so by itself."""
        for container in _containers(template):
            source = container.get("ModelDataSource", {}).get("S3DataSource", {})
            location = text_of(container.get("ModelDataUrl") or source.get("S3Uri"), self._pseudo)
            if location:
                yield location

    def _is_there(self, location: str) -> bool:
        """Returns whether an object or a prefix exists; True if the caller may not look."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        try:
            if key.endswith("/") or not key:
                return bool(self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != HTTPStatus.NOT_FOUND
        return True


def _before(versions: Sequence[Version], deployed: Template) -> Version | None:
    """Returns the version before the deployed one; the newest if the deployed one is not kept."""
    at = next((index for index, each in enumerate(versions) if each.has(deployed)), len(versions))
    return versions[at - 1] if at else None


def _containers(template: Template) -> Iterator[dict[str, Any]]:
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") == _MODEL:
            properties = resource.get("Properties", {})
            if "PrimaryContainer" in properties:
                yield properties["PrimaryContainer"]
            yield from properties.get("Containers", ())
