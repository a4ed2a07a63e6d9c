"""One request to a model container, and what the container returns."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Protocol


class SizedStream(Protocol):
    """A body that is read while it is sent, so that it need not fit into memory."""

    @property
    def size(self) -> int:
        """The number of bytes."""

    def read(self, amount: int = -1, /) -> bytes:
        """Returns the next bytes; none at the end."""


@dataclass(frozen=True)
class Invocation:
    """One POST to /invocations.

    Attributes:
        body: The document. A stream is read as it is sent, and its errors reach the caller.
        timeout: Seconds to wait for the response, on the wall's clock.
        content_type: Header of that name; without it the handler's input_fn gets None.
        accept: Header of that name; without it the toolkit takes application/json.
        custom_attributes: X-Amzn-SageMaker-Custom-Attributes.
        inference_id: X-Amzn-SageMaker-Inference-Id.
    """

    body: bytes | SizedStream
    _: KW_ONLY
    timeout: float
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    inference_id: str | None = None

    def headers(self) -> dict[str, str]:
        """Returns the HTTP headers; one without a value is left out."""
        return dict(self._headers())

    def _headers(self) -> Iterator[tuple[str, str]]:
        for name, value in (
            ("Content-Type", self.content_type),
            ("Accept", self.accept),
            ("X-Amzn-SageMaker-Custom-Attributes", self.custom_attributes),
            ("X-Amzn-SageMaker-Inference-Id", self.inference_id),
        ):
            if value is not None:
                yield name, value
        if not isinstance(self.body, bytes):
            yield "Content-Length", str(self.body.size)  # without it the body would be sent in chunks


@dataclass(frozen=True)
class ContainerResponse:
    """The container's response to one invocation.

    Attributes:
        status: HTTP status; 200, or what the handler or TorchServe made of a failure.
        content_type: Header of that name, if there was one.
        body: The result; of an error, the text that SageMaker would store as the failure.
    """

    status: int
    content_type: str | None
    body: bytes
