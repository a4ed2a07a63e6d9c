"""Runs the archive's handlers on one device, and writes their results, times and memory as JSON.

Runs where the archive's packages and the image's are: `measure.py DEVICE MODEL SAMPLES OUTPUT`. A device is "cpu",
"cuda", or "half": the CPU with what a GPU gets, the library's encoder and half precision, which shows here what half
precision costs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

CPU, CUDA, HALF = "cpu", "cuda", "half"
BATCHES = (1, 16)
MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".pdf": "application/pdf"}


def main(device: str, model: str, samples: str, output: str) -> None:
    """Measures, and writes the report to `output`."""
    if device != CUDA:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch is imported
    sys.path.insert(0, str(Path(model, "code")))
    began = time.perf_counter()
    inference = _handlers(device)
    processor = inference.model_fn(model)
    loaded = time.perf_counter() - began
    import torch  # noqa: PLC0415 - not before CUDA_VISIBLE_DEVICES is set

    documents = sorted(path for path in Path(samples).iterdir() if path.suffix.lower() in MEDIA_TYPES)
    names = [path.name for path in documents]
    requests = [_request(inference, path) for path in documents]
    report: dict[str, Any] = {
        "device": _name_of(device),
        "precision": str(processor.model.dtype).replace("torch.", ""),
        "torch": torch.__version__,
        "load_seconds": round(loaded, 2),
        "results": dict(zip(names, _process(inference, processor, requests), strict=True)),
        "documents_per_second": {},
    }
    for batch in BATCHES:
        began = time.perf_counter()
        for start in range(0, len(requests), batch):
            inference.process_batch(processor, requests[start : start + batch])
        report["documents_per_second"][str(batch)] = round(len(requests) / (time.perf_counter() - began), 2)
    report["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if device == CUDA:
        report["gpu_memory_mb"] = torch.cuda.max_memory_reserved() // 1024**2
    Path(output).write_text(json.dumps(report), encoding="utf-8")


def _handlers(device: str) -> ModuleType:
    import inference  # noqa: PLC0415 - found on the path that is set above

    if device == HALF:
        _halve(inference)
    return inference


def _halve(inference: ModuleType) -> None:
    """Gives the CPU what document_processor.py and donut_loading.py give a GPU."""
    import torch  # noqa: PLC0415 - as above

    import document_processor  # noqa: PLC0415 - as above
    import library_network  # noqa: PLC0415 - as above

    class LibraryEncoder:
        def __init__(self, model: Any) -> None:
            self.encode = library_network.encoder(model)

    load_model = inference.load_model

    def halved(*arguments: Any) -> Any:
        model = load_model(*arguments)
        model.move(torch.device("cpu"), torch.float16)
        return model

    document_processor.WindowEncoder = LibraryEncoder
    inference.load_model = halved


def _request(inference: ModuleType, path: Path) -> Any:
    return inference.batching.BatchRequest(path.read_bytes(), MEDIA_TYPES[path.suffix.lower()], None, None)


def _process(inference: ModuleType, processor: Any, requests: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns each document's response; this first pass is also what warms a device up."""
    responses: list[dict[str, Any]] = []
    for start in range(0, len(requests), max(BATCHES)):
        for each in inference.process_batch(processor, requests[start : start + max(BATCHES)]):
            is_error = isinstance(each, inference.RequestError)
            responses.append({"error": str(each)} if is_error else json.loads(each.text))
    return responses


def _name_of(device: str) -> str:
    if device == CUDA:
        import torch  # noqa: PLC0415 - not before CUDA_VISIBLE_DEVICES is set

        return str(torch.cuda.get_device_name(0))
    return "CPU" if device == CPU else "CPU in half precision, with a GPU's encoder"


if __name__ == "__main__":
    main(*sys.argv[1:])
