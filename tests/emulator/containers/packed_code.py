"""Small archives for Multi Model Server: the packed modules that batch, and a model that does what its input says."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CODE = REPOSITORY / "model_artifacts" / "code"
MANIFEST = REPOSITORY / "model_artifacts" / "packing" / "multi_model_server.json"
MODULES = (
    "batching.py", "limits.py", "model_connection.py", "model_process.py", "multi_model_server.py", "request_errors.py",
)  # fmt: skip

INFERENCE = """
import json, os, time
from http import HTTPStatus
import batching
from request_errors import RequestError

def model_fn(model_dir, context):
    with open(os.path.join(model_dir, "my_model", "model.pth")) as weights:
        model = weights.read()
    if model == "broken":
        raise ValueError("weights of another shape")
    if model == "exit":
        os._exit(7)
    batching.install(process)
    return model

def process(model, requests):
    bodies = [bytes(request.body).decode() for request in requests]
    for body in bodies:
        if body.startswith("sleep "):
            time.sleep(float(body[6:]))
        if body == "exit":
            os._exit(3)
        if body == "raise":
            raise ValueError("the whole batch")
    return [_response(model, request, body, len(bodies)) for request, body in zip(requests, bodies)]

def _response(model, request, body, together):
    if body == "bad":
        return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, "This one is bad.")
    told = {"model": model, "body": body[:99], "length": len(body), "together": together, "process": os.getpid(),
            "content_type": request.content_type, "attributes": request.custom_attributes,
            "environment": dict(os.environ)}
    return batching.BatchResponse(json.dumps(told), request.accept or "application/json")
"""


def batching_archive(weights: str = "some weights") -> "dict[str, str]":
    """Returns the files of an archive that batches in front of its model."""
    files = {f"code/{name}": (CODE / name).read_text(encoding="utf-8") for name in MODULES}
    return files | {
        "code/inference.py": INFERENCE,
        "my_model/model.pth": weights,
        "MAR-INF/MANIFEST.json": MANIFEST.read_text(encoding="utf-8"),
    }
