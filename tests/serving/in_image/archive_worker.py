"""A worker of the archive without the Java around it: the serving toolkit's own handler, and no network."""

import os
from pathlib import Path
import socket
import sys
from types import SimpleNamespace

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


class _Context:
    """What TorchServe hands to a handler with one request."""

    def __init__(self, model_dir, headers):
        self.system_properties = {"model_dir": str(model_dir)}
        self.request_processor = [SimpleNamespace(get_request_properties=lambda: headers)]
        self.status = 200
        self.content_type = None

    def set_response_status(self, code=200, phrase="", idx=0):
        del phrase, idx
        self.status = code

    def set_response_content_type(self, idx, value):
        del idx
        self.content_type = value


class Worker:
    """One worker process's handler, with the archive's model loaded."""

    def __init__(self, model_dir=ARCHIVE):
        self._model_dir = model_dir
        self._service = HandlerService()
        self._service.initialize(_Context(model_dir, {}))

    @property
    def model(self):
        return self._service._service._model

    def request(self, body, content_type="image/png", accept=None):
        """Return the status, content type and text of the answer to one request."""
        headers = {"Content-Type": content_type, "Accept": accept}
        context = _Context(self._model_dir, {name: value for name, value in headers.items() if value is not None})
        answers = self._service.handle([{"body": body}], context)
        return context.status, context.content_type, answers[0]
