"""The proof of a deploy: a sample document that the endpoint has to process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.client import AsyncEndpoint
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from pathlib import Path

    import boto3

_PREFIX = "deploy-check/"
_BUCKET_OUTPUT = "InputBucketName"


def process_sample(session: boto3.Session, *, stack: str, endpoint: str, sample: Path, timeout: float) -> str:
    """Uploads a document to the stack's input bucket, invokes the endpoint, and returns the text of the result.

    Args:
        session: Credentials and region.
        stack: The stack whose output names the input bucket.
        endpoint: The endpoint's name.
        sample: The document.
        timeout: Seconds to wait for the result.

    Raises:
        StackError: The stack cannot be read, or does not name its input bucket.
        AsyncEndpointError: The document was not processed.
    """
    bucket = read_outputs(session.client("cloudformation"), [stack]).get(_BUCKET_OUTPUT)
    if bucket is None:
        raise StackError(f"Stack {stack} has no output {_BUCKET_OUTPUT}: the sample cannot be uploaded.")
    location = S3Location.from_prefix_uri(f"s3://{bucket}/{_PREFIX}")
    job = AsyncEndpoint(endpoint, input_location=location, session=session).submit(sample)
    return job.result(timeout=timeout).body.decode(errors="replace")
