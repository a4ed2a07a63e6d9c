"""Processes one document with an unpacked archive, as a container's worker would. A script for the image's Python 3.8.

    python archive_check.py MODEL_FOLDER DOCUMENT CONTENT_TYPE RESULT_FILE

It runs the real handler service of the serving toolkit, without TorchServe's Java and without a network. RESULT_FILE
gets one JSON object: seconds of the load and of two results, status, content type and text of the result, peak memory;
or why the model does not load.
"""

from __future__ import annotations

import importlib
import json
import resource
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main(model_folder: str, document: str, content_type: str, result_file: str) -> None:
    """Loads the model, processes the document twice, and writes what was measured."""
    # A script's own folder is first on the import path; in a container none of our code is there.
    sys.path.pop(0)
    _close_network()
    found = _process(model_folder, Path(document).read_bytes(), content_type)
    found["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    Path(result_file).write_text(json.dumps(found), encoding="utf-8")


def _close_network() -> None:
    def reject(*_arguments: Any, **_options: Any) -> None:
        raise OSError("The archive is checked without a network, as an isolated container runs.")

    socket.getaddrinfo = reject  # type: ignore[assignment]
    socket.socket.connect = reject  # type: ignore[method-assign]


def _process(model_folder: str, body: bytes, content_type: str) -> dict[str, Any]:
    context_module: Any = importlib.import_module("ts.context")
    toolkit: Any = importlib.import_module("sagemaker_pytorch_serving_container.handler_service")

    def context(headers: dict[str, str]) -> Any:
        made = context_module.Context("model", model_folder, {}, 1, None, "0")
        made.request_processor = [context_module.RequestProcessor(headers)]
        return made

    service = toolkit.HandlerService()
    began = time.perf_counter()
    try:
        service.initialize(context({}))
    except Exception as error:  # noqa: BLE001 - any error of the archive's code is the finding
        traceback.print_exc()
        return {"failure": f"{type(error).__name__}: {error}"}
    seconds = [time.perf_counter() - began]
    answer, request = None, context({})
    for _ in range(2):
        request = context({"Content-Type": content_type})
        began = time.perf_counter()
        # Undecoded, whatever its type: the toolkit sets decode_input_request=false.
        answer = service.handle([{"body": bytearray(body)}], request)[0]
        seconds.append(time.perf_counter() - began)
    text = answer.decode("utf-8", "replace") if isinstance(answer, (bytes, bytearray)) else str(answer)
    return {
        "status": request.get_response_status(0)[0],
        "content_type": request.get_response_content_type(0),
        "answer": text,
        "load_seconds": round(seconds[0], 3),
        "first_answer_seconds": round(seconds[1], 3),
        "second_answer_seconds": round(seconds[2], 3),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
