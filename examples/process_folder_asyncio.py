"""Processes a folder like process_folder.py, in an asyncio program that can do other work meanwhile.

python examples/process_folder_asyncio.py ENDPOINT s3://INPUT_BUCKET/by-hand/ samples/receipts
"""

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path

from async_endpoint.client import AioEndpoint, find_documents


async def main(endpoint: str, input_location: str, folder: str) -> int:
    """Prints one line of JSON for each result; returns the exit status."""
    documents = (await asyncio.to_thread(find_documents, Path(folder))).documents  # its images and PDFs
    failed = 0
    async with (
        AioEndpoint(endpoint, input_location=input_location) as client,
        aclosing(client.map(documents, ordered=False, timeout=3600)) as jobs,
    ):
        async for job in jobs:
            if job.error:
                failed += 1
                print(f"{job.document}: {job.error}", file=sys.stderr)
            else:
                print(json.dumps({"document": str(job.document), "result": (await job).json()}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
