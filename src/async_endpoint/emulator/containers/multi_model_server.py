"""Multi Model Server 1.1.11 behind the Hugging Face toolkit, as in AWS's Hugging Face images.

What was found by trying it, and in its sources (WorkerThread.java, WorkerLifeCycle.java, ModelManager.java,
ConfigManager.java, model_loader.py):

- It listens on one port for everything. /ping is 200 whatever its workers do; only the body says `Unhealthy`.
- The toolkit registers the model with a batch size of 1 (ServerAdapter.java), which no setting changes.
- A backend process forks one process for each worker, and each loads the model. `GET /models/model` calls a worker
  READY before its load is complete, and has no process ids.
- If the model does not load, the toolkit's handler service responds 400 to every request, with the reason: its loader
  swallows the error. A handler that is a function, as the packed archive's, ends its worker instead, which is started
  again and again, with longer and longer pauses.
- A request that takes too long gets 500, and so does one whose worker died, by whatever cause. The worker that took
  too long is left behind until it is done, and another one is started beside it.
- The limit of a response holds for a load, too. SAGEMAKER_MODEL_SERVER_TIMEOUT is taken for minutes;
  SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS, which wins, for seconds.
- A request above max_request_size gets 413 without a body; a response above max_response_size ends its worker. Both
  are 6,553,500 bytes by default. With a full queue (100), a request gets 503.
- SIGTERM ends Java at once, with what it has in work; its workers are left to the container's end. In the image, the
  entry point then waits for ever, and /ping fails as nobody listens.
- It was tried with Java 17 and 25; the image has 21. Two run side by side with folders for temporary files of their
  own, which hold its workers' sockets and its own process id.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from async_endpoint.emulator.containers.multi_model_server_log import MultiModelServerLog, load_failure, worker_lines
from async_endpoint.emulator.containers.server_adapter import ServerAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The first that is set counts. The server's own come before the toolkit's, whose are in the configuration file.
TIMEOUT_VARIABLE = "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS"
_SECONDS = (TIMEOUT_VARIABLE, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS")
_MINUTES = ("MMS_DEFAULT_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT")
_DEFAULT_MINUTES = "60"  # the toolkit's, which means seconds


def response_timeout(environment: Mapping[str, str]) -> float:
    """Returns how many seconds a response or a load may take, by the Model's variables.

    Source: ConfigManager.java, and sagemaker-inference 1.10.1 (environment.py, model_server.py).
    """
    for name in _SECONDS:
        if name in environment:
            return float(environment[name])
    return 60 * float(next((environment[name] for name in _MINUTES if name in environment), _DEFAULT_MINUTES))


def _variables(ports: Sequence[int]) -> dict[str, str]:
    (port,) = ports
    address = f"http://127.0.0.1:{port}"
    # The toolkit's configuration binds every interface; these count for more (enable_envvars_config).
    return {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MMS_INFERENCE_ADDRESS": address,
        "MMS_MANAGEMENT_ADDRESS": address,
    }


MULTI_MODEL_SERVER: Final = ServerAdapter(
    name="multi-model-server",
    launcher=Path(__file__).with_name("multi_model_server_program.py"),
    at_start=(Path(__file__).with_name("transformers_names.py"),),
    ports=1,
    variables=_variables,
    follow=MultiModelServerLog,
    load_failure=load_failure,
    worker_lines=worker_lines,
    without_code="makes a pipeline (HF_TASK) of the files at the top of it",
    load_timeout=lambda environment, _: response_timeout(environment),
)
