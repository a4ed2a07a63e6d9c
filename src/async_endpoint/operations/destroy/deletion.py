"""The deletion of surveyed stacks: wait for endpoints, empty buckets, delete, report what is left."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.counted import counted
from async_endpoint.operations.destroy.inventory import Count, Remainder, TeardownError
from async_endpoint.operations.destroy.survey import version_pages
from async_endpoint.operations.endpoint_status import EndpointBusy, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

    from async_endpoint.operations.deadline import Deadline
    from async_endpoint.operations.destroy.clients import TeardownClients
    from async_endpoint.operations.destroy.inventory import StackInventory

REPORTED_VERSIONS = 10_000
"""Emptying a bucket reports its progress each time so many versions are deleted."""

_QUIET_SECONDS = 30.0  # while nothing changes
_DELETED = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


class Teardown:
    """Deletes stacks one after the other.

    Args:
        clients: Clients for the stacks' region.
        stacks: The stacks as `survey` found them, in the order of their deletion.
        deadline: The time limit for all of them together.
        say: Takes each line about the progress.
        attempt: A text unique to this attempt, up to 128 letters, digits and hyphens; CloudFormation puts it on the
            events of the deletion. Random by default.
    """

    def __init__(
        self,
        clients: TeardownClients,
        stacks: Sequence[StackInventory],
        deadline: Deadline,
        say: Callable[[str], None],
        *,
        attempt: str | None = None,
    ) -> None:
        self._clients = clients
        self._stacks = stacks
        self._deadline = deadline
        self._say = say
        self._attempt = attempt or f"destroy-{uuid.uuid4()}"
        self._deleted: list[StackInventory] = []

    def run(self) -> None:
        """Deletes the stacks and waits for each; stops at the first that fails.

        Raises:
            TeardownError: The time is up, or AWS did not delete something; the message says what.
        """
        for stack in self._stacks[len(self._deleted) :]:
            for endpoint in stack.endpoints:
                self._wait_for_endpoint(endpoint)
            for bucket in stack.buckets:
                empty_bucket(self._clients.s3, bucket, self._say)
            self._clients.cloudformation.delete_stack(StackName=stack.stack_id, ClientRequestToken=self._attempt)
            self._wait_for_deletion(stack)
            self._deleted.append(stack)

    def remainder(self) -> Remainder:
        """Returns what is left of the stacks now, also after `run` has failed."""
        stacks = tuple(stack.name for stack in self._stacks[len(self._deleted) :])
        retained = tuple(resource for stack in self._deleted for resource in stack.retained)
        try:
            names = dict.fromkeys(name for stack in self._deleted for name in stack.log_groups)
            return Remainder(stacks, retained, tuple(name for name in names if self._log_group_exists(name)))
        except (BotoCoreError, ClientError) as error:  # must not hide why a deletion failed
            return Remainder(stacks, retained, (), str(error))

    def _wait_for_endpoint(self, endpoint: str) -> None:
        """Waits until SageMaker has finished changing an endpoint: DeleteEndpoint does not take one in transition."""
        try:
            wait_until_settled(self._clients.sagemaker, endpoint, self._deadline, self._say)
        except EndpointBusy as busy:
            raise TeardownError(
                f"{busy}, and its stack was not deleted: destroy again when the endpoint is InService or Failed, or "
                "allow more time with --timeout."
            ) from busy

    def _wait_for_deletion(self, stack: StackInventory) -> None:
        started = reported_at = self._deadline.elapsed
        reported = -1
        while True:
            events = self._events(stack)
            status = next((event["ResourceStatus"] for event in events if _is_of_stack(event)), "")
            elapsed = self._deadline.elapsed - started
            if status == "DELETE_COMPLETE":
                self._say(f"{stack.name}: deleted after {elapsed:.0f} s")
                return
            if status == "DELETE_FAILED":
                raise TeardownError(
                    f"Stack {stack.name} could not be deleted ({_reasons(events)}): remove the cause, then destroy "
                    "again."
                )
            deleted = len({event["LogicalResourceId"] for event in events if event["ResourceStatus"] in _DELETED})
            if deleted != reported or self._deadline.elapsed - reported_at >= _QUIET_SECONDS:
                reported, reported_at = deleted, self._deadline.elapsed
                self._say(
                    f"{stack.name}: {deleted:,} of {counted(len(stack.resources), 'resource')} deleted, {elapsed:.0f} s"
                )
            if not self._deadline.pause():
                raise TeardownError(
                    f"Stack {stack.name} was not deleted after {self._deadline.seconds:.0f} s, and CloudFormation "
                    "continues: destroy again when it has finished, or allow more time with --timeout."
                )

    def _events(self, stack: StackInventory) -> list[StackEventTypeDef]:
        """Returns the events of this attempt, newest first."""
        events: list[StackEventTypeDef] = []
        pages = self._clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack.stack_id)
        for page in pages:
            for event in page["StackEvents"]:
                if event.get("ClientRequestToken") != self._attempt:
                    return events
                events.append(event)
        return events

    def _log_group_exists(self, name: str) -> bool:
        pages = self._clients.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return any(group.get("logGroupName") == name for page in pages for group in page["logGroups"])


def empty_bucket(
    s3: S3Client, bucket: str, say: Callable[[str], None], *, report_every: int = REPORTED_VERSIONS
) -> None:
    """Deletes every version of every object and every delete marker, and aborts unfinished uploads.

    AWS deletes no bucket that contains a version of an object.

    Raises:
        TeardownError: S3 did not delete something.
    """
    deleted = reported = 0
    for page in version_pages(s3, bucket):
        identifiers = _identifiers(page)
        if not identifiers:
            continue
        response = s3.delete_objects(Bucket=bucket, Delete={"Objects": identifiers, "Quiet": True})
        if errors := response.get("Errors"):
            raise TeardownError(
                f"S3 does not delete {errors[0].get('Key')!r} of bucket {bucket} ({errors[0].get('Code')}: "
                f"{errors[0].get('Message')}): remove what forbids it, then destroy again."
            )
        deleted += len(identifiers)
        if deleted - reported >= report_every:
            reported = deleted
            say(f"bucket {bucket}: {Count(deleted).of('version')} deleted so far")
    uploads = _abort_uploads(s3, bucket)
    if deleted or uploads:
        aborted = f", {Count(uploads).of('unfinished upload')} aborted" if uploads else ""
        say(f"bucket {bucket}: emptied, {Count(deleted).of('version')} deleted{aborted}")


def _identifiers(page: ListObjectVersionsOutputTypeDef) -> list[ObjectIdentifierTypeDef]:
    """Returns what a page lists; a page never has more than one call of DeleteObjects takes."""
    return [
        {"Key": found["Key"], "VersionId": found["VersionId"]}
        for found in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    ]


def _abort_uploads(s3: S3Client, bucket: str) -> int:
    aborted = 0
    try:
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                aborted += 1
    except ClientError as error:
        if error.response["Error"].get("Code") not in {"NoSuchBucket", "NoSuchUpload"}:
            raise
    return aborted


def _reasons(events: list[StackEventTypeDef]) -> str:
    """Returns CloudFormation's reasons for the resources that it could not delete."""
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"] == "DELETE_FAILED" and not _is_of_stack(event)
    )


def _is_of_stack(event: StackEventTypeDef) -> bool:
    """Returns whether an event is about the stack as a whole."""
    return event.get("PhysicalResourceId") == event["StackId"]
