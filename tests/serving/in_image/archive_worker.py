"""A worker of the archive without the Java around it: the serving toolkit's own handler, and no network.

Where the toolkit is Hugging Face's, single requests go through its handler service, as without a MAR-INF/MANIFEST.json,
and batches through what the model's process computes.
"""

from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import runpy
import socket
import sys

REPOSITORY = Path(__file__).resolve().parents[3]
ARCHIVE = REPOSITORY / "model_artifacts"
SAMPLES = REPOSITORY / "samples" / "receipts"
NAMES = REPOSITORY / "src" / "async_endpoint" / "emulator" / "containers" / "transformers_names.py"

os.environ["SAGEMAKER_PROGRAM"] = "inference.py"
sys.path[:0] = [str(ARCHIVE / "code"), str(ARCHIVE / "training")]


def _refuse(*_arguments, **_options):
    raise AssertionError("The archive's code tried to use the network.")


socket.getaddrinfo = _refuse
socket.socket.connect = _refuse

import batching  # noqa: E402 - after the settings above
import model_process  # noqa: E402 - as above

HAS_TORCHSERVE = importlib.util.find_spec("sagemaker_pytorch_serving_container") is not None

if HAS_TORCHSERVE:
    from sagemaker_pytorch_serving_container.handler_service import HandlerService
    from ts.context import Context, RequestProcessor
else:
    runpy.run_path(str(NAMES))["install"]()
    from mms.context import Context, RequestProcessor
    from mms.metrics.metrics_store import MetricsStore
    from sagemaker_huggingface_inference_toolkit.handler_service import HuggingFaceHandlerService


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


class TorchServeWorker:
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


class HuggingFaceWorker:
    """The same where the toolkit is Hugging Face's and the server has no batches."""

    def __init__(self, model_dir=ARCHIVE):
        self._service = HuggingFaceHandlerService()
        self._context = Context("model", str(model_dir), {}, 1, None, "0")
        self._context.metrics = MetricsStore({0: "request"}, "model")
        self._service.initialize(self._context)

    @property
    def processor(self):
        return self._service.model

    def batch(self, *requests):
        """Returns the answers to requests that came together."""
        compute = model_process.computing(batching.installed(), self._service.model)
        sent = [(call.body, {name.lower(): value for name, value in call.headers().items()}) for call in requests]
        return [Answer(status, content_type, text) for status, _, content_type, text in compute(sent)]

    def request(self, body, content_type="application/x-image", **headers):
        """Returns the answer to one request."""
        call = BatchRequest(body, content_type, **headers)
        self._context.request_processor = [RequestProcessor({"body": {"content-type": "x"}, **call.headers()})]
        (text,) = self._service.handle([{"body": call.body}], self._context)
        status, _ = self._context.get_response_status(0)
        return Answer(200 if status is None else status, self._context.get_response_content_type(0), text)


Worker = TorchServeWorker if HAS_TORCHSERVE else HuggingFaceWorker
