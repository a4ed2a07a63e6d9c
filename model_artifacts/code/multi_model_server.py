"""The handler of Multi Model Server's workers, named by the archive's MAR-INF/MANIFEST.json.

The Hugging Face toolkit's own handler would load the model in each worker, of which each takes one request at a time,
and would return every error as 400. This one hands each request to the process that holds the model
(model_connection.py, model_process.py), which computes batches and decides about statuses.

Settings by environment variable: MODEL_PROCESSES (default 1) for each GPU, or on a CPU; SAGEMAKER_MODEL_SERVER_TIMEOUT
(default 60), the seconds that the model may take to load and that a batch may take; MODEL_BATCH_SIZE and
MODEL_BATCH_DELAY_MS (model_process.py). SAGEMAKER_MODEL_SERVER_WORKERS is the number of Multi Model Server's workers:
two for each request of a batch, so that one batch is computed while the next one fills.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Mapping, Sequence

from limits import SettingError, batch_timeout, whole_number
from model_connection import ModelConnection, ModelLoadError, Place

_SERVER = b"com.amazonaws.ml.mms.ModelServer"
_OF_THE_BODY = "body"

logger = logging.getLogger(__name__)
_connection: ModelConnection | None = None


def handle(data: Sequence[Mapping[str, Any]] | None, context: Any) -> list[str]:
    """Loads the model, where `data` is None; else returns the response to one request.

    Raises:
        ModelLoadError: The model cannot be loaded. The model server is ended: it would start workers for ever, and
            respond 200 to /ping meanwhile.
    """
    try:
        if data is None:
            _connect(context)
            return []
        assert _connection is not None  # noqa: S101 - the model server loads first
        headers = context.request_processor[0].get_request_properties()
        sent = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
        body = data[0].get(_OF_THE_BODY)
        response = _connection.request(None if body is None else bytes(body), sent)
    except (ModelLoadError, SettingError):
        logger.exception("The model could not be loaded, so the model server ends.")
        _end_model_server()
        raise
    # In a field of its own, and no headers beside it: batching.py says why.
    context.get_response_content_type = lambda _: response.content_type
    context.get_response_headers = lambda _: {}
    context.set_response_status(code=response.status, phrase=response.phrase, idx=0)
    # Else the worker prints the time of each request, which the model server parses, and drops (log4j2.xml).
    context.metrics = None
    return [response.text]


def _connect(context: Any) -> None:
    global _connection  # noqa: PLW0603 - a handler of this kind is a function
    properties = context.system_properties
    gpu = properties.get("gpu_id")
    place = Place.of_next_worker(
        Path(tempfile.gettempdir()), None if gpu is None else int(gpu), whole_number("MODEL_PROCESSES", 1)
    )
    # The worker redirects its own output once it has loaded, to a pipe that ends with the worker.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    _connection = ModelConnection(place, properties["model_dir"], batch_timeout(), output)
    _connection.connect()


def _end_model_server() -> None:
    """Ends the model server that is an ancestor of this process."""
    pid = os.getppid()
    while pid > 1:
        folder = Path("/proc", str(pid))
        try:
            if _SERVER in (folder / "cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGTERM)
                return
            # The second field is the name in brackets and may hold blanks; the parent's id is two fields after it.
            pid = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return
