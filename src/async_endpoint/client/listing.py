"""Find out which of many objects exist, with as few listings as it takes."""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING

from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from async_endpoint.client.transport import StoredObject, Transport


def existing(transport: Transport, wanted: Collection[S3Location]) -> dict[S3Location, StoredObject]:
    """Of the wanted objects those that are there, and when they were written.

    Raises:
        StorageError: A bucket could not be listed.
    """
    folders: dict[tuple[str, str], set[str]] = {}
    for location in wanted:
        folders.setdefault((location.bucket, location.key.rpartition("/")[0]), set()).add(location.key)
    return {
        S3Location(bucket, found.key): found
        for (bucket, _), keys in folders.items()
        for found in _existing_in_folder(transport, bucket, keys)
    }


def _existing_in_folder(transport: Transport, bucket: str, keys: set[str]) -> Iterator[StoredObject]:
    """Walk one folder's listing, leaping over the pages in which nothing wanted can be.

    A folder gathers the results of months. S3 lists in the order of keys, so each page begins just before the next
    wanted key: there are never more pages than wanted keys, nor more than the whole folder has.
    """
    prefix = S3Location(bucket, commonprefix(list(keys)))  # noqa: RUF071  # S3 prefixes are characters, no path parts
    ahead = sorted(keys, reverse=True)
    passed = ""
    while ahead:
        page = transport.list_page(prefix, start_after=max(passed, ahead[-1][:-1]))
        yield from (found for found in page.objects if found.key in keys)
        if not page.is_truncated:
            return
        passed = page.objects[-1].key
        while ahead and ahead[-1] <= passed:
            ahead.pop()
