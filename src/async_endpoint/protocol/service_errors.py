"""What AWS says in an error of boto3. The protocol does not import botocore: errors are recognised by their content."""

from __future__ import annotations


def service_error(error: Exception) -> dict[str, str]:
    """Returns Code and Message of botocore's ClientError; nothing of another error.

    That of a broken connection has a `response` as well, which is None.
    """
    response = getattr(error, "response", None)
    found: dict[str, str] = response.get("Error", {}) if isinstance(response, dict) else {}
    return found
