"""TorchServe behind the serving toolkit, as in AWS's PyTorch images.

Its /ping is healthy as soon as its workers' processes exist, and it restarts a worker that cannot load the model for
ever. A request that takes too long ends its worker with status 500.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from async_endpoint.emulator.containers.server_adapter import ServerAdapter
from async_endpoint.emulator.containers.torchserve_log import (
    LOAD_TIMEOUT_VARIABLE,
    TorchServeLog,
    load_failure,
    worker_lines,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# With one of these the toolkit writes settings of the model: 60 seconds, unless the last one is set.
TIMEOUT_VARIABLE = "SAGEMAKER_TS_RESPONSE_TIMEOUT"
_OF_THE_MODEL = (
    "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY", "SAGEMAKER_TS_MIN_WORKERS", "SAGEMAKER_TS_MAX_WORKERS",
    TIMEOUT_VARIABLE,
)  # fmt: skip
_TOOLKIT_SECONDS = "60"
_SERVER_SECONDS = "120"  # TorchServe's own, for a response and from 0.12.0 on for a load
# The one of the first image; toolkit 2.0.10 is with it, and 2.0.25 with 0.12.0.
_FIRST = "0.6.0"


def response_timeout(environment: Mapping[str, str], version: str) -> float:
    """Returns how many seconds a response of a version of TorchServe may take, by the Model's variables.

    Toolkit 2.0.25 writes SAGEMAKER_MODEL_SERVER_TIMEOUT to the end of a line that holds another setting, so TorchServe
    does not see it. The packed code (model_artifacts/code/limits.py) has the rule of the first image alone.

    Source: sagemaker-pytorch-inference 2.0.10 and 2.0.25 (torchserve.py, ts_environment.py, default-ts.properties),
    TorchServe 0.6.0 and 0.12.0 (WorkerThread.java, ConfigManager.java).
    """
    if any(name in environment for name in _OF_THE_MODEL):
        return float(environment.get(TIMEOUT_VARIABLE, _TOOLKIT_SECONDS))
    of_toolkit = environment.get("SAGEMAKER_MODEL_SERVER_TIMEOUT", _TOOLKIT_SECONDS)
    return float(environment.get("TS_DEFAULT_RESPONSE_TIMEOUT", of_toolkit if version == _FIRST else _SERVER_SECONDS))


def load_timeout(environment: Mapping[str, str], version: str) -> float:
    """Returns how many seconds the load of a model may take; TorchServe 0.6.0 takes a response's limit for it.

    Source: as of `response_timeout`, and for 0.12.0 ModelManager.java.
    """
    if version == _FIRST:
        return response_timeout(environment, version)
    return float(environment.get(LOAD_TIMEOUT_VARIABLE, _SERVER_SECONDS))


def _variables(ports: Sequence[int]) -> dict[str, str]:
    http, metrics, grpc_inference, grpc_management = ports
    return {
        # One address for both, as in the toolkit.
        "TS_INFERENCE_ADDRESS": f"http://127.0.0.1:{http}",
        "TS_MANAGEMENT_ADDRESS": f"http://127.0.0.1:{http}",
        "TS_METRICS_ADDRESS": f"http://127.0.0.1:{metrics}",
        # TorchServe 0.6.0 has no setting for gRPC's address; torchserve_program.py binds it.
        "TS_GRPC_INFERENCE_PORT": str(grpc_inference),
        "TS_GRPC_MANAGEMENT_PORT": str(grpc_management),
    }


TORCHSERVE: Final = ServerAdapter(
    name="torchserve",
    launcher=Path(__file__).with_name("torchserve_program.py"),
    at_start=(),
    ports=4,
    variables=_variables,
    follow=lambda log, _: TorchServeLog(log),
    load_failure=load_failure,
    worker_lines=worker_lines,
    without_code="loads the TorchScript file at the top of it",
    load_timeout=load_timeout,
)
