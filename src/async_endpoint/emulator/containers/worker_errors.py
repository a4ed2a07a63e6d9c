"""Keeps the errors that a model server's worker reports about a model, completely and at once.

The worker prints them, and TorchServe 0.6.0 stops reading when the worker's connection closes: of a load that failed,
the log often lacks the exception. So the overlay runs this at the start of every interpreter, and a filter of the root
logger, which the worker uses, writes what it reports to a file, too; it changes no record. Python 3.8, standard library
only.
"""

from __future__ import annotations

import json
import logging
import os
import traceback

# TorchServe 0.6.0 and 0.12.0: ts/model_service_worker.py, ts/protocol/otf_message_handler.py; Multi Model Server 1.1.11
# has the same.
DIED = "Backend worker process died."
NOT_SENT = "Unable to serialize model output."
# Where the model has a process of its own (model_artifacts/code/model_process.py).
NOT_LOADED = "The model could not be loaded."
# Multi Model Server logs an error of the toolkit's handler service in this module, and calls the model loaded.
_SWALLOWING = "model_loader"
# TorchServe 0.12.0 reports some errors of a load by one of these, and then dies of a RuntimeError of its own.
_BEFORE_DEATH = (
    "Failed to load model %s, exception %s",
    "Load model %s cpu OOM, exception %s",
    "Load model %s cuda OOM, exception %s",
)

_MOST_CHARACTERS = 1000


def install(file: str) -> None:
    """Appends a line of JSON to `file` for each report: `report`, `error`, its `traceback` and its `functions`."""
    not_loaded: list[logging.LogRecord] = []

    def keep(record: logging.LogRecord) -> bool:
        report = record.msg
        if record.msg in _BEFORE_DEATH:
            not_loaded.append(record)
            report = DIED
        elif record.msg == DIED and not_loaded:
            return True
        elif record.module == _SWALLOWING:
            report = NOT_LOADED
        if report in (DIED, NOT_SENT, NOT_LOADED) and record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            text = " ".join("".join(traceback.format_exception_only(kind, error)[-1:]).split())
            frames = traceback.extract_tb(trace)
            line = json.dumps(
                {
                    "report": report,
                    "error": text[:_MOST_CHARACTERS],
                    "functions": [frame.name for frame in frames],
                    "traceback": "".join(traceback.format_list(frames)),
                }
            )
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.write(descriptor, f"{line}\n".encode("ascii"))
            os.close(descriptor)
        return True

    root = logging.getLogger()
    if not root.filters:  # Python 3.8 reads the .pth files of a virtual environment twice
        root.addFilter(keep)
