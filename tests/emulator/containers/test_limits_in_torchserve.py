"""The limits that the stack computes are those that TorchServe then has, by what it does: 0.6.0 tells only some."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from stacks.serving_limits import ServingLimits
from stacks.settings.serving import ServingSettings

pytestmark = pytest.mark.serving

CODE = """
import time

def model_fn(model_dir):
    time.sleep(float(open(model_dir + "/my_model/model.pth").read()))

def input_fn(body, content_type): return body

def predict_fn(data, model):
    text = bytes(data[:10]).decode()
    if text.startswith("sleep "):
        time.sleep(float(text[6:]))
    return "done"

def output_fn(prediction, accept): return prediction
"""


def files(load_seconds: float = 0) -> dict[str, str]:
    return {"code/inference.py": CODE, "my_model/model.pth": str(load_seconds)}


def test_torchserve_has_the_workers_batches_sizes_and_queue_that_the_settings_ask_for(
    launch: Callable[..., ModelContainer],
) -> None:
    serving = ServingSettings(
        workers=2, batch_size=60, batch_delay_milliseconds=70, max_request_bytes=7_000_000, max_response_bytes=7_000_000
    )
    limits = ServingLimits(serving)
    instance = launch(files(), limits.environment)
    instance.wait_ready(90)
    (model,) = instance._request("GET", "/models/model").json()
    names = ("minWorkers", "maxWorkers", "batchSize", "maxBatchDelay")
    assert [model[name] for name in names] == [2, 2, 60, 70]
    assert instance.invoke(Invocation(b"x" * 6_900_000, content_type="image/png", timeout=30)).status == 200
    too_large = instance.invoke(Invocation(b"x" * 7_000_001, content_type="image/png", timeout=30))
    assert (too_large.status, too_large.body) == (413, b"")


def test_more_requests_may_wait_than_torchserve_s_own_hundred(launch: Callable[..., ModelContainer]) -> None:
    limits = ServingLimits(ServingSettings(batch_size=60, batch_delay_milliseconds=20))
    assert limits.environment["TS_JOB_QUEUE_SIZE"] == "120"
    instance = launch(files(), limits.environment)
    instance.wait_ready(90)

    def send(body: bytes) -> int:
        return instance.invoke(Invocation(body, content_type="image/png", timeout=60)).status

    with ThreadPoolExecutor(131) as threads:
        busy = threads.submit(send, b"sleep 20")
        time.sleep(3)  # the only worker has it
        waiting = Counter(threads.map(send, [b"x"] * 130))
        assert busy.result() == 200
    assert waiting == {200: 120, 503: 10}


def test_one_limit_of_torchserve_holds_for_load_and_response(launch: Callable[..., ModelContainer]) -> None:
    """With the one for answers alone, 1 second, no load of 3 would ever end."""
    limits = ServingLimits(ServingSettings(timeout_seconds=1, load_timeout_seconds=15))
    assert limits.response_timeout_seconds == 15
    instance = launch(files(load_seconds=3), limits.environment)
    instance.wait_ready(90)
    assert instance.invoke(Invocation(b"sleep 3", content_type="image/png", timeout=30)).status == 200
    began = time.monotonic()
    assert instance.invoke(Invocation(b"sleep 90", content_type="image/png", timeout=60)).status == 500
    assert 15 <= time.monotonic() - began < 50
