"""Documents of the inbox get the state of their job as a tag, beside the tags that they have."""

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.protocol import JobState
from notify.documents import STATE_TAG, InboxDocuments, with_state
from tests.support.functions import VersionedInbox
from tests.support.stream import job

KEY = "inbox/a.png"


@pytest.fixture
def documents(s3: S3Client, inbox: VersionedInbox) -> InboxDocuments:
    return InboxDocuments(s3, bucket=inbox.bucket)


@pytest.fixture
def tags(s3: S3Client, bucket: str) -> Callable[..., dict[str, str]]:
    """Returns the tags of an object."""

    def tags_of(key: str = KEY, **version: str) -> dict[str, str]:
        found = s3.get_object_tagging(Bucket=bucket, Key=key, **version)["TagSet"]  # type: ignore[arg-type]
        return {tag["Key"]: tag["Value"] for tag in found}

    return tags_of


def put(inbox: VersionedInbox, key: str = KEY, tagging: str = "") -> str:
    return str(inbox.put(key, Tagging=tagging)["detail"]["object"]["version-id"])


def test_the_version_of_the_job_is_tagged_and_its_other_tags_stay(
    documents: InboxDocuments, inbox: VersionedInbox, tags: Callable[..., dict[str, str]]
) -> None:
    first = put(inbox, tagging="team=a%20b&STATE=x")
    second = put(inbox)

    documents.tag(job(JobState.FAILED, bucket=inbox.bucket, version=first))

    assert tags(VersionId=first) == {"team": "a b", "STATE": "x", STATE_TAG: "FAILED"}
    assert tags(VersionId=second) == {}


def test_another_outcome_replaces_the_tag(
    documents: InboxDocuments, inbox: VersionedInbox, tags: Callable[..., dict[str, str]]
) -> None:
    version = put(inbox)
    for state in (JobState.EXPIRED, JobState.COMPLETED):
        documents.tag(job(state, bucket=inbox.bucket, version=version))
    assert tags() == {STATE_TAG: "COMPLETED"}


def test_a_document_without_a_version_is_tagged(
    documents: InboxDocuments, inbox: VersionedInbox, tags: Callable[..., dict[str, str]]
) -> None:
    put(inbox)
    documents.tag(job(bucket=inbox.bucket, version="etag:1", overwritable=True))
    assert tags() == {STATE_TAG: "COMPLETED"}


@pytest.mark.parametrize("change", [{"bucket": "another"}, {"version": None}, {"key": None}], ids=str)
def test_what_did_not_come_through_an_inbox_is_left_alone(
    documents: InboxDocuments,
    inbox: VersionedInbox,
    tags: Callable[..., dict[str, str]],
    change: dict[str, Any],
) -> None:
    version = put(inbox)
    documents.tag(job(JobState.COMPLETED, **{"bucket": inbox.bucket, "version": version, **change}))
    assert tags() == {}


@pytest.mark.parametrize("version", ["gone", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"])
def test_a_document_that_is_gone_is_no_error(documents: InboxDocuments, inbox: VersionedInbox, version: str) -> None:
    documents.tag(job(bucket=inbox.bucket, key="inbox/gone.png", version=version))


def test_ten_tags_are_the_most() -> None:
    nine = [{"Key": str(number), "Value": ""} for number in range(9)]
    tagged = with_state(nine, "FAILED")  # type: ignore[arg-type]
    assert tagged == [*nine, {"Key": STATE_TAG, "Value": "FAILED"}]
    assert with_state(tagged, "COMPLETED") == [*nine, {"Key": STATE_TAG, "Value": "COMPLETED"}]
    assert with_state([*nine, {"Key": "9", "Value": ""}], "FAILED") is None  # type: ignore[list-item]
