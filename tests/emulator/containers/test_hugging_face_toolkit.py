"""The Hugging Face toolkit's own handler in a real container: what someone's own inference.py gets on that image."""

import json
from collections.abc import Callable

import pytest

from async_endpoint.emulator.containers.errors import ContainerFailed
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.containers.multi_model_server import response_timeout

pytestmark = pytest.mark.serving

INFERENCE = """
import json, os

def model_fn(model_dir):
    if os.path.exists(os.path.join(model_dir, "broken")):
        raise ValueError("weights of another shape")
    return model_dir

def input_fn(body, content_type):
    return bytes(body).decode()

def predict_fn(text, model):
    if text == "raise":
        raise RuntimeError("the GPU has gone")
    return {"text": text}

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""
READY_SECONDS = 120.0
Launch = Callable[..., ModelContainer]


def test_an_inference_py_of_ones_own_is_served_and_every_error_is_a_400(launch_hugging_face: Launch) -> None:
    instance = launch_hugging_face({"code/inference.py": INFERENCE}, {"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "30"})
    instance.wait_ready(READY_SECONDS)
    answer = instance.invoke(Invocation(b"one", content_type="image/png", timeout=30))
    assert (answer.status, json.loads(answer.body)) == (200, {"text": "one"})
    failed = instance.invoke(Invocation(b"raise", content_type="image/png", timeout=30))
    assert (failed.status, json.loads(failed.body)["message"]) == (400, "the GPU has gone")
    assert instance.ping()


def test_a_load_error_that_the_server_swallows_is_reported(launch_hugging_face: Launch) -> None:
    instance = launch_hugging_face({"code/inference.py": INFERENCE, "broken": ""})
    with pytest.raises(ContainerFailed, match="could not be loaded: ValueError: weights of another shape"):
        instance.wait_ready(READY_SECONDS)
    assert instance.alive, "as on AWS, where it would respond 200 to /ping and 400 to every request"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 3600),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "2"}, 120),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "2", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "30"}, 30),
        ({"MMS_DEFAULT_RESPONSE_TIMEOUT": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "2"}, 60),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "30", "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": "9"}, 9),
    ],
)
def test_a_response_may_take_as_long_as_the_variables_say(environment: dict[str, str], seconds: int) -> None:
    assert response_timeout(environment) == seconds
