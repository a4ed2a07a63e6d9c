"""Where an asynchronous endpoint's results go: AsyncInferenceConfig.OutputConfig."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from async_endpoint.protocol.invocation import InvocationRequest


@dataclass(frozen=True)
class OutputConfig:
    """An endpoint config's AsyncInferenceConfig.OutputConfig.

    Attributes:
        output_path: S3OutputPath, `s3://bucket/prefix`; None when results travel in the notifications alone.
        failure_path: S3FailurePath; None when none was given.
        success_topic: ARN, or None.
        error_topic: ARN, or None.
        included: Of IncludeInferenceResponseIn.
    """

    output_path: str | None
    failure_path: str | None
    success_topic: str | None
    error_topic: str | None
    included: frozenset[str] = frozenset()

    @classmethod
    def from_endpoint_config(cls, endpoint_config: Mapping[str, Any]) -> "OutputConfig":
        """Returns the output configuration of an endpoint config as CreateEndpointConfig took it."""
        output = endpoint_config.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
        notifications = output.get("NotificationConfig", {})
        return cls(
            output.get("S3OutputPath"),
            output.get("S3FailurePath"),
            notifications.get("SuccessTopic"),
            notifications.get("ErrorTopic"),
            frozenset(notifications.get("IncludeInferenceResponseIn", ())),
        )

    def locations(self, request: InvocationRequest) -> tuple[str, str | None]:
        """Returns where the result and the failure of a request will be; SageMaker names the objects by its own UUID.

        S3OutputPathExtension is appended to the output path; Filename replaces the UUID.
        """
        stem, dot, suffix = (request.filename or f"{uuid4()}").partition(".")
        extension = (request.s3_output_path_extension or "").strip("/")
        name = f"{stem}{dot}{suffix}" if request.filename else f"{stem}.out"
        folders = [extension] if extension else []
        output = _join(self.output_path, [*folders, name]) if self.output_path else ""
        failure = _join(self.failure_path, [*folders, f"{stem}-error.out"]) if self.failure_path else None
        return output, failure


def _join(path: str, parts: list[str]) -> str:
    return "/".join([path.rstrip("/"), *parts])
