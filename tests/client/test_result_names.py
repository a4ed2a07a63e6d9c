"""Names of results ascend with time, so that a listing skips what is older, and has little but what is awaited."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from async_endpoint.client import AioEndpoint, AsyncEndpoint, InMemoryTransport
from async_endpoint.client.result_names import new_inference_id, result_filename
from async_endpoint.protocol import InvocationRequest, S3Location
from tests.support.endpoint_fixtures import echo

if TYPE_CHECKING:
    from async_endpoint.client import AioJob, ListingPage

OLD_RESULTS = 3_000


class Listed(InMemoryTransport):
    """Notes how many objects its listings have; holds the results of months."""

    def __init__(self) -> None:
        super().__init__(echo)
        self.objects = 0
        for _ in range(OLD_RESULTS):
            self.put(S3Location("memory", f"output/{uuid.uuid4()}.out"), b"{}")

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        page = super().list_page(prefix, start_after)
        self.objects += len(page.objects)
        return page


def test_a_later_id_sorts_behind_and_none_comes_twice() -> None:
    ids = []
    for _ in range(20):
        ids.append(new_inference_id())
        time.sleep(0.002)  # an id has milliseconds

    assert ids == sorted(set(ids))
    assert len({new_inference_id() for _ in range(10_000)}) == 10_000
    assert all(len(each) == 32 for each in ids)


def test_a_name_is_one_that_sagemaker_takes_and_that_of_its_id() -> None:
    inference_id = new_inference_id()

    request = InvocationRequest(
        endpoint_name="receipts", body=b"x", inference_id=inference_id, filename=result_filename(inference_id)
    )

    assert inference_id.startswith((request.filename or "").removesuffix(".out"))


def test_a_stream_lists_few_of_the_results_of_months() -> None:
    transport = Listed()
    endpoint = AsyncEndpoint("receipts", transport=transport)

    jobs = list(endpoint.map([b"x"] * 40, inline=True))

    assert [job.state for job in jobs] == ["COMPLETED"] * 40
    assert transport.objects < 10 * 40
    assert all(job.has_new_key for job in jobs)
    assert {request.filename for request in transport.requests} == {result_filename(job.inference_id) for job in jobs}


def test_a_stream_of_asyncio_does_too() -> None:
    transport = Listed()

    async def stream() -> list[AioJob]:
        async with AioEndpoint("receipts", transport=transport) as endpoint:
            return [job async for job in endpoint.map([b"x"] * 40, inline=True)]

    jobs = asyncio.run(stream())

    assert [job.state for job in jobs] == ["COMPLETED"] * 40
    assert transport.objects < 10 * 40
    assert all(job.job.has_new_key for job in jobs)
