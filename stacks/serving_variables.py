"""The environment variables by which a container's model server, toolkit and code get the limits of a stage.

Sources, TorchServe: sagemaker-pytorch-inference 2.0.10 and 2.0.25 (torchserve.py, ts_environment.py), TorchServe 0.6.0
and 0.12.0 (WorkerThread.java, ConfigManager.java).
Sources, Multi Model Server: sagemaker-inference 1.10.1 (model_server.py, environment.py, etc/default-mms.properties),
Multi Model Server 1.1.11 (ConfigManager.java, WorkerThread.java, ModelServer.java).
"""

from typing import TYPE_CHECKING

from async_endpoint.protocol.serving_images import ModelServer

if TYPE_CHECKING:
    from stacks.serving_limits import ServingLimits

# The setting that decides each variable of a container; `model.environment` must not set these variables. A variable of
# the other server has no effect, and its setting is still the right one to name.
DECIDED_BY = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "serving.workers",
    "SAGEMAKER_TS_MIN_WORKERS": "serving.workers",
    "SAGEMAKER_TS_MAX_WORKERS": "serving.workers",
    "TS_DEFAULT_WORKERS_PER_MODEL": "serving.workers",
    "MMS_DEFAULT_WORKERS_PER_MODEL": "serving.workers",
    "MODEL_PROCESSES": "serving.workers",
    "SAGEMAKER_TS_BATCH_SIZE": "serving.batch_size",
    "MODEL_BATCH_SIZE": "serving.batch_size",
    "SAGEMAKER_TS_MAX_BATCH_DELAY": "serving.batch_delay_milliseconds",
    "MODEL_BATCH_DELAY_MS": "serving.batch_delay_milliseconds",
    "TS_JOB_QUEUE_SIZE": "serving.batch_size",
    "MMS_JOB_QUEUE_SIZE": "serving.batch_size",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "serving.timeout_seconds",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "serving.timeout_seconds",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": "serving.timeout_seconds",
    "TS_DEFAULT_RESPONSE_TIMEOUT": "serving.timeout_seconds",
    "MMS_DEFAULT_RESPONSE_TIMEOUT": "serving.timeout_seconds",
    "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": "serving.timeout_seconds",
    "TS_DEFAULT_STARTUP_TIMEOUT": "serving.load_timeout_seconds",
    "DOCUMENT_SECONDS": "serving.document_seconds",
    "DOCUMENT_MEMORY_MB": "serving.document_memory_mb",
    "TS_MAX_REQUEST_SIZE": "serving.max_request_bytes",
    "MMS_MAX_REQUEST_SIZE": "serving.max_request_bytes",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "serving.max_request_bytes",
    "TS_MAX_RESPONSE_SIZE": "serving.max_response_bytes",
    "MMS_MAX_RESPONSE_SIZE": "serving.max_response_bytes",
}

# sagemaker-huggingface-inference-toolkit 2.6.0, mms_model_server.py: with it the archive is not served.
HUB_MODEL = "HF_MODEL_ID"


def variables_of(limits: "ServingLimits") -> dict[str, str]:
    """Returns the variables of a container, by the names that its model server reads."""
    of_server = _torchserve if limits.server == ModelServer.TORCHSERVE else _multi_model_server
    values = of_server(limits) | {
        # Of the bundled Donut's own code, which has defaults.
        "DOCUMENT_SECONDS": limits.settings.document_seconds,
        "DOCUMENT_MEMORY_MB": limits.settings.document_memory_mb,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _torchserve(limits: "ServingLimits") -> dict[str, int | None]:
    return {
        # The default is one worker per core or GPU, each with a copy of the model.
        "SAGEMAKER_MODEL_SERVER_WORKERS": limits.workers,
        # If one of these five is set, the toolkit writes all five for the model, with defaults of 1 worker and 60
        # seconds, and they override the two SAGEMAKER_MODEL_SERVER_ variables: set all five, with the same values.
        "SAGEMAKER_TS_MIN_WORKERS": limits.workers,
        "SAGEMAKER_TS_MAX_WORKERS": limits.workers,
        "SAGEMAKER_TS_BATCH_SIZE": limits.settings.batch_size,
        "SAGEMAKER_TS_MAX_BATCH_DELAY": limits.settings.batch_delay_milliseconds,
        "SAGEMAKER_TS_RESPONSE_TIMEOUT": limits.response_timeout_seconds,
        # The toolkit writes it as TorchServe's default. 2.0.25 appends it to the line before, so that TorchServe does
        # not see it: the model's own limit above is what holds.
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": limits.response_timeout_seconds,
        # TorchServe 0.12 has a separate limit for loading, by default 120 seconds; 0.6.0 ignores it. The toolkit has no
        # name for it, but lets TorchServe read its own variables (enable_envvars_config).
        "TS_DEFAULT_STARTUP_TIMEOUT": limits.settings.load_timeout_seconds,
        # By default 100: beyond it TorchServe responds 503, which SageMaker does not retry.
        "TS_JOB_QUEUE_SIZE": limits.job_queue_size,
        # TorchServe's own names, since no SAGEMAKER_TS_ variable exists. The default is 6.5 MB.
        "TS_MAX_REQUEST_SIZE": limits.settings.max_request_bytes,
        "TS_MAX_RESPONSE_SIZE": limits.settings.max_response_bytes,
    }


# Our own limit of a batch comes first, so that the model's process is what is replaced.
_MARGIN_SECONDS = 10


def _multi_model_server(limits: "ServingLimits") -> dict[str, int | None]:
    batching = limits.settings.batch_size > 1
    of_request = limits.response_timeout_seconds + _MARGIN_SECONDS
    return {
        # A worker of this server processes one request at a time, and a model of the command line gets no batches
        # (ModelServer.java registers it with 1). So the archive's code batches in front of the model
        # (model_artifacts/code/multi_model_server.py): these workers are then without a model and hand requests on. Two
        # for each place in a batch let one batch fill while another is computed. Without batches there are as many as
        # models, because the toolkit's own handler would load one in each.
        "SAGEMAKER_MODEL_SERVER_WORKERS": limits.concurrent_invocations if batching else limits.workers,
        # Of the archive's code: processes with a copy of the model, for each GPU, and what they process together.
        "MODEL_PROCESSES": limits.workers_of_gpu,
        "MODEL_BATCH_SIZE": limits.settings.batch_size,
        "MODEL_BATCH_DELAY_MS": limits.settings.batch_delay_milliseconds,
        # The archive's code takes it for the seconds of a batch. The server would take it for minutes, if it did not
        # have the next one (ConfigManager.getDefaultResponseTimeoutSeconds).
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": limits.response_timeout_seconds,
        # The server's own variables, which override its file (enable_envvars_config). With batches a request may wait
        # for others' batches and for a new process, besides its own batch.
        "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": limits.invocation_timeout_seconds
        if batching
        else min(of_request, limits.invocation_timeout_seconds),
        # By default 100: beyond it the server responds 503, which SageMaker does not retry.
        "MMS_JOB_QUEUE_SIZE": limits.job_queue_size,
        # The default is 6.5 MB. The toolkit has a name for the first alone, in megabytes.
        "MMS_MAX_REQUEST_SIZE": limits.settings.max_request_bytes,
        "MMS_MAX_RESPONSE_SIZE": limits.settings.max_response_bytes,
    }
