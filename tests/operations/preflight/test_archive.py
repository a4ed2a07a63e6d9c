"""The model archive's bucket must be in the region, with a key that works; an archive that is brought must exist."""

from __future__ import annotations

import pytest

from async_endpoint.operations.preflight.archive import Bucket, judge_archive
from async_endpoint.operations.preflight.assembly import Archive
from async_endpoint.operations.preflight.check import Status
from tests.operations.preflight.fakes import ACCOUNT, REGION

BUILT = Archive("b", "k", is_prefix=False, is_published=True)
BROUGHT = Archive("b", "k", is_prefix=False, is_published=False)
OK, ERROR = Status.OK, Status.ERROR


@pytest.mark.parametrize(
    ("archive", "found", "status", "says"),
    [
        (BUILT, Bucket(REGION), OK, "will be uploaded to"),
        (BROUGHT, Bucket(REGION, "key", "Enabled"), OK, "is encrypted with key"),
        (BUILT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket("us-east-1"), ERROR, "in us-east-1"),
        (BUILT, Bucket(REGION, "key", "Disabled"), ERROR, "which is Disabled"),
        (BUILT, Bucket(REGION, "key", "gone"), ERROR, "which is gone"),
        (BROUGHT, Bucket(REGION, has_archive=False), ERROR, "no object at s3://b/k"),
    ],
)
def test_an_archive_needs_a_bucket_in_the_region_a_usable_key_and_the_object(
    archive: Archive, found: Bucket, status: Status, says: str
) -> None:
    check = judge_archive(archive, found, account=ACCOUNT, region=REGION)
    assert check.status is status
    assert says in check.message
    assert (check.fix is None) == (status is OK)
