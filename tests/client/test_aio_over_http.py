"""The client for asyncio, with boto3 against S3 and an endpoint that speak HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import AioEndpoint, ResultTimeout

if TYPE_CHECKING:
    from tests.support.endpoint_fixtures import EndpointServer


@pytest.mark.usefixtures("local_services")
def test_documents_are_submitted_awaited_and_streamed(bucket: str) -> None:
    async def main() -> None:
        async with AioEndpoint("receipts", input_location=f"s3://{bucket}/in", concurrency=4) as endpoint:
            jobs = await asyncio.gather(*(endpoint.submit(b"x" * size) for size in range(1, 11)))
            results = await asyncio.wait_for(asyncio.gather(*jobs), 60)
            assert [result.json() for result in results] == [{"bytes": size} for size in range(1, 11)]

            streamed = endpoint.map((b"x" * size for size in range(1, 11)), timeout=60, inline=True)
            assert [job.output and job.output.json()["bytes"] async for job in streamed] == list(range(1, 11))

    asyncio.run(main())


@pytest.mark.usefixtures("local_services")
def test_a_stream_gives_up_at_its_timeout(server: EndpointServer) -> None:
    server.writes_results = False

    async def main() -> None:
        async with AioEndpoint("receipts") as endpoint:
            with pytest.raises(ResultTimeout, match="Not all jobs had a result after 1 s; the endpoint continues"):
                [job async for job in endpoint.map([b"abc"], timeout=1, inline=True)]

    asyncio.run(main())
