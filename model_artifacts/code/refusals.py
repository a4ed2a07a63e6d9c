"""The error of a request that cannot be served: a status, and one ASCII sentence for whoever sent it.

ASCII, because a message with any other character ends TorchServe's worker. The classes are the serving toolkit's own,
so that it knows the status of one also where nothing of ours handles it.
"""

from http import HTTPStatus

from sagemaker_inference.errors import BaseInferenceToolkitError

# By the number: HTTPStatus calls it REQUEST_ENTITY_TOO_LARGE or CONTENT_TOO_LARGE, depending on Python.
TOO_LARGE = HTTPStatus(413)


class Refusal(BaseInferenceToolkitError):
    """A request that cannot be served.

    Args:
        status: What the client is answered.
        sentence: What was wrong and what to do; other than ASCII is escaped.
    """

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        plain = sentence.encode("ascii", "backslashreplace").decode("ascii")
        super().__init__(status.value, plain, status.phrase)

    def __str__(self) -> str:
        """Return the sentence."""
        return str(self.message)


def failure(error: BaseException) -> Refusal:
    """Return what a client is told of an error that is nobody's request's fault: status 500, and its own words."""
    said = f"{type(error).__name__}: {error}"[:300]
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"The model failed on this document: {said!a}.")
