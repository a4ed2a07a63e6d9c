"""Processes a folder and prints each result as it completes, a few documents ahead of the results.

python examples/process_folder.py ENDPOINT s3://INPUT_BUCKET/by-hand/ samples/receipts
"""

import json
import sys
from contextlib import closing
from pathlib import Path

from async_endpoint.client import AsyncEndpoint, find_documents


def main(endpoint: str, input_location: str, folder: str) -> int:
    """Prints one line of JSON for each result; returns the exit status."""
    client = AsyncEndpoint(endpoint, input_location=input_location)
    documents = find_documents(Path(folder)).documents  # its images and PDFs
    failed = 0
    # Closing the generator stops the submissions, also after an error or Ctrl-C.
    with closing(client.map(documents, ordered=False, timeout=3600)) as jobs:
        for job in jobs:
            if job.error:
                failed += 1
                print(f"{job.document}: {job.error}", file=sys.stderr)
            else:
                print(json.dumps({"document": str(job.document), "result": job.result().json()}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
