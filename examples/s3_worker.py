"""Processes documents that are in S3 already: takes their locations from standard input, one a line.

echo s3://INPUT_BUCKET/scans/1.jpg | python examples/s3_worker.py ENDPOINT

The endpoint's execution role has to be allowed to read them: the stack's allows the input bucket.
"""

import json
import sys
from contextlib import closing

from async_endpoint.client import AsyncEndpoint


def main(endpoint: str) -> int:
    """Prints one line of JSON for each document, in their order; returns the exit status."""
    locations = (line.strip() for line in sys.stdin if line.strip())
    failed = 0
    with closing(AsyncEndpoint(endpoint).map(locations, timeout=3600)) as jobs:
        for job in jobs:
            failed += job.error is not None
            # Consumers can skip an id that they have seen.
            outcome = {"error": str(job.error)} if job.error else {"result": job.result().json()}
            print(json.dumps({"id": job.inference_id, "document": str(job.document), **outcome}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
