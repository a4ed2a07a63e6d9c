"""A worker of the archive without the Java around it: the serving toolkit's own handler, and no network."""

from dataclasses import dataclass
import os
from pathlib import Path
import socket
import sys

REPOSITORY = Path(__file__).resolve().parents[3]
ARCHIVE = REPOSITORY / "model_artifacts"
SAMPLES = REPOSITORY / "samples" / "receipts"

os.environ["SAGEMAKER_PROGRAM"] = "inference.py"
sys.path[:0] = [str(ARCHIVE / "code"), str(ARCHIVE / "training")]


def _refuse(*_arguments, **_options):
    raise AssertionError("The archive's code tried to use the network.")


socket.getaddrinfo = _refuse
socket.socket.connect = _refuse

from sagemaker_pytorch_serving_container.handler_service import HandlerService  # noqa: E402 - after the settings above
from ts.context import Context, RequestProcessor  # noqa: E402 - as above


@dataclass
class BatchRequest:
    """One request of a batch, as TorchServe hands it over."""

    body: object
    content_type: object = "application/x-image"
    accept: object = None
    custom_attributes: object = None

    def headers(self):
        named = {
            "Content-Type": self.content_type,
            "Accept": self.accept,
            "X-Amzn-SageMaker-Custom-Attributes": self.custom_attributes,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass
class Answer:
    """What the worker answered to one request."""

    status: int
    content_type: str
    text: str


class Worker:
    """One worker process's handler, with the archive's model loaded."""

    def __init__(self, model_dir=ARCHIVE):
        self._model_dir = model_dir
        self._service = HandlerService()
        self._service.initialize(self._context([{}]))

    @property
    def processor(self):
        return self._service._service._model

    def batch(self, *requests):
        """Returns the answers to requests that came together."""
        context = self._context([call.headers() for call in requests])
        texts = self._service.handle([{"body": call.body} for call in requests], context)
        return [
            Answer(context.get_response_status(index)[0], context.get_response_content_type(index), text)
            for index, text in enumerate(texts)
        ]

    def request(self, body, content_type="application/x-image", **headers):
        """Returns the answer to one request."""
        return self.batch(BatchRequest(body, content_type, **headers))[0]

    def _context(self, headers):
        context = Context("model", str(self._model_dir), {}, len(headers), None, "0")
        context.request_processor = [RequestProcessor(each) for each in headers]
        return context
