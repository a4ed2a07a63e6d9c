"""Submits one document and waits for its result.

python examples/submit_and_wait.py ENDPOINT s3://INPUT_BUCKET/by-hand/ samples/receipts/receipt-000.jpg
"""

import json
import sys
from pathlib import Path

from async_endpoint.client import AsyncEndpoint, AsyncEndpointError


def main(endpoint: str, input_location: str, document: str) -> int:
    """Prints the result as JSON; returns the exit status."""
    job = AsyncEndpoint(endpoint, input_location=input_location).submit(Path(document))
    print(f"{job.inference_id} is submitted; its result will be {job.output_location}.", file=sys.stderr)
    try:
        # An endpoint that sleeps takes minutes to wake.
        print(json.dumps(job.result(timeout=900).json()))
    except AsyncEndpointError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
