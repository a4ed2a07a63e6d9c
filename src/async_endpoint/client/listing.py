"""Finds out which of many objects exist, with as few listings as possible."""

from __future__ import annotations

from itertools import chain, takewhile
from typing import TYPE_CHECKING

from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from concurrent.futures import Executor

    from async_endpoint.client.transport import StoredObject, Transport


def find_existing(
    transport: Transport, wanted: Collection[S3Location], executor: Executor | None = None
) -> dict[S3Location, StoredObject]:
    """Returns those of the wanted objects that exist, with the times at which they were written.

    Args:
        transport: Lists the objects.
        wanted: Their locations.
        executor: Lists each folder but the first, meanwhile; one after the other if absent.

    Raises:
        StorageError: A bucket could not be listed.
    """
    folders: dict[tuple[str, str], set[str]] = {}
    for location in wanted:
        folders.setdefault((location.bucket, location.key.rpartition("/")[0]), set()).add(location.key)
    if not folders:
        return {}
    begun = [(bucket, keys) for (bucket, _), keys in folders.items()]
    others = (executor.map if executor else map)(lambda each: list(_existing_in_folder(transport, *each)), begun[1:])
    listed = chain([list(_existing_in_folder(transport, *begun[0]))], others)
    return {
        S3Location(bucket, found.key): found
        for (bucket, _), existing in zip(begun, listed, strict=True)
        for found in existing
    }


def _existing_in_folder(transport: Transport, bucket: str, keys: set[str]) -> Iterator[StoredObject]:
    """Pages through one folder and skips the pages that cannot contain a wanted key.

    A folder collects the results of months. S3 lists keys in order, so each page starts just before the next wanted
    key: there are never more pages than wanted keys, nor more than the whole folder has.
    """
    prefix = S3Location(bucket, _common_prefix(keys))
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


def _common_prefix(keys: Collection[str]) -> str:
    """Returns the longest prefix of all keys, which may end within a path segment."""
    pairs = zip(min(keys), max(keys), strict=False)
    return "".join(first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
