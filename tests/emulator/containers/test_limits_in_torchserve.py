"""The limits that the stack computes are those that TorchServe then has."""

from collections.abc import Callable

import pytest

from async_endpoint.emulator.containers.instance import ContainerInstance
from stacks.sections.model import ServingSettings
from stacks.serving_limits import ServingLimits

pytestmark = pytest.mark.serving

CODE = """
def model_fn(model_dir): return model_dir
def input_fn(body, content_type): return body
def predict_fn(data, model): return "done"
def output_fn(prediction, accept): return prediction
"""


def test_torchserve_has_every_limit_that_the_settings_ask_for(launch: Callable[..., ContainerInstance]) -> None:
    serving = ServingSettings(
        workers=2,
        batch_size=60,
        batch_delay_milliseconds=70,
        timeout_seconds=333,
        load_timeout_seconds=222,
        max_request_bytes=7_000_000,
    )
    limits = ServingLimits(serving)
    instance = launch({"code/inference.py": CODE, "my_model/model.pth": "weights"}, limits.environment)
    instance.wait_ready(90)
    (model,) = instance._request("GET", "/models/model", timeout=5).json()
    names = ("minWorkers", "maxWorkers", "batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout")
    assert [model[name] for name in names] == [2, 2, 60, 70, 333, 222]
    assert model["jobQueueStatus"]["remainingCapacity"] == limits.concurrent_invocations == 240
    assert instance.invoke(b"x" * 6_900_000, content_type="image/png", timeout=30).status == 200
    assert instance.invoke(b"x" * 7_000_001, content_type="image/png", timeout=30).status == 413
