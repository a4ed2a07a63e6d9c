"""The error of a request that cannot be processed: a status, and one ASCII sentence for the caller.

ASCII, because any other character in a message ends TorchServe's worker. The base class is the serving toolkit's, which
therefore returns the right status even where no code of the archive handles the error.
"""

from http import HTTPStatus

from sagemaker_inference.errors import BaseInferenceToolkitError

# By the number: HTTPStatus names it REQUEST_ENTITY_TOO_LARGE or CONTENT_TOO_LARGE, depending on Python.
TOO_LARGE = HTTPStatus(413)


class RequestError(BaseInferenceToolkitError):
    """A request that cannot be processed.

    Args:
        status: The response's status.
        sentence: What was wrong and what to do; characters beyond ASCII are escaped.
    """

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        plain = sentence.encode("ascii", "backslashreplace").decode("ascii")
        super().__init__(status.value, plain, status.phrase)

    def __str__(self) -> str:
        """Returns the sentence."""
        return str(self.message)


def failure(error: BaseException) -> RequestError:
    """Returns the error for a failure that the request did not cause: status 500, with the exception's text."""
    text = f"{type(error).__name__}: {error}"[:300]
    return RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, f"The model failed on this document: {text!a}.")
