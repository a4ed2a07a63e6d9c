"""A model that takes the same time for each batch, however full, and returns when it began: `code/inference.py`.

So does a GPU that a batch does not fill. The time is in `my_model/seconds.json`.
"""

import json
from pathlib import Path
import time

import batching

JSON = "application/json"


def model_fn(model_dir):
    """Returns the seconds of a batch, and installs the processing of whole batches."""
    batching.install(process_batch)
    return json.loads((Path(model_dir) / "my_model" / "seconds.json").read_text(encoding="utf-8"))


def process_batch(seconds, requests):
    """Waits; returns for each request its document, when the batch began and ended in epoch seconds, and its size."""
    began = time.time()
    time.sleep(seconds)
    batch = {"began": began, "ended": time.time(), "size": len(requests)}
    return [
        batching.BatchResponse(json.dumps({"document": bytes(request.body).decode(), **batch}), JSON)
        for request in requests
    ]
