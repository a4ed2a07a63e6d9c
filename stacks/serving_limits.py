"""The limits of the model server and of its requests, computed from the table `[serving]`.

SageMaker, the serving toolkit, TorchServe and its workers each have a limit of their own for the same thing. A limit
that is set alone contradicts the others, so all of them are computed here.
Sources: sagemaker-pytorch-inference 2.0.10 (torchserve.py, ts_environment.py), TorchServe 0.6.0
(WorkerThread.java, ConfigManager.java) and 0.12.0, which a custom image may contain.
"""

import math
from dataclasses import dataclass

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE
from stacks.settings.fields import SettingsError
from stacks.settings.serving import ServingSettings

_, _MAX_INVOCATION_TIMEOUT = INVOCATION_TIMEOUT_SECONDS_RANGE
# Limit of CreateEndpointConfig.
_MAX_CONCURRENT_INVOCATIONS = 1000
# TorchServe's default: it responds 503 while as many requests wait.
_DEFAULT_JOB_QUEUE = 100

# The setting that decides each variable of the container; `model.environment` must not set these variables.
DECIDED_BY = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "serving.workers",
    "SAGEMAKER_TS_MIN_WORKERS": "serving.workers",
    "SAGEMAKER_TS_MAX_WORKERS": "serving.workers",
    "TS_DEFAULT_WORKERS_PER_MODEL": "serving.workers",
    "SAGEMAKER_TS_BATCH_SIZE": "serving.batch_size",
    "SAGEMAKER_TS_MAX_BATCH_DELAY": "serving.batch_delay_milliseconds",
    "TS_JOB_QUEUE_SIZE": "serving.batch_size",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "serving.timeout_seconds",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": "serving.timeout_seconds",
    "TS_DEFAULT_RESPONSE_TIMEOUT": "serving.timeout_seconds",
    "TS_DEFAULT_STARTUP_TIMEOUT": "serving.load_timeout_seconds",
    "TS_MAX_REQUEST_SIZE": "serving.max_request_bytes",
    "TS_MAX_RESPONSE_SIZE": "serving.max_response_bytes",
}


@dataclass(frozen=True)
class ServingLimits:
    """The limits of one stage's containers, and of the requests that SageMaker sends them.

    Raises:
        SettingsError: The settings together exceed SageMaker's limits.
    """

    settings: ServingSettings

    def __post_init__(self) -> None:
        """Checks the computed limits against SageMaker's."""
        serving = self.settings
        if self.concurrent_invocations > _MAX_CONCURRENT_INVOCATIONS:
            raise SettingsError(
                f"serving.workers is {serving.workers} and serving.batch_size {serving.batch_size}; two batches for "
                f"each worker are {self.concurrent_invocations} requests at a time, and SageMaker sends at most "
                f"{_MAX_CONCURRENT_INVOCATIONS}: lower the one or the other."
            )
        if self.invocation_timeout_seconds > _MAX_INVOCATION_TIMEOUT:
            raise SettingsError(
                f"serving.timeout_seconds is {serving.timeout_seconds} and serving.load_timeout_seconds "
                f"{serving.load_timeout_seconds}; a request may have to wait for {self.invocation_timeout_seconds} "
                f"seconds (a batch ahead, the start of a new worker, its own batch), and SageMaker waits for at most "
                f"{_MAX_INVOCATION_TIMEOUT}: lower the one or the other."
            )

    @property
    def concurrent_invocations(self) -> int:
        """MaxConcurrentInvocationsPerInstance: a worker processes one batch while its next batch fills."""
        return 2 * self.settings.workers * self.settings.batch_size

    @property
    def response_timeout_seconds(self) -> int:
        """Time after which TorchServe replaces a worker that has not returned a batch.

        The image's TorchServe 0.6.0 applies the same limit to loading the model: with a shorter limit it would restart
        the worker forever.
        """
        return max(self.settings.timeout_seconds, self.settings.load_timeout_seconds)

    @property
    def invocation_timeout_seconds(self) -> int:
        """InvocationTimeoutSeconds of every request.

        In the worst case a request waits for a batch ahead that hangs and for the replaced worker to load, and its own
        batch is slow. A shorter timeout would fail the request because of another one, and waste its work.
        """
        delay = math.ceil(self.settings.batch_delay_milliseconds / 1000)
        return 2 * self.response_timeout_seconds + self.settings.load_timeout_seconds + delay

    @property
    def environment(self) -> dict[str, str]:
        """The container's variables for these limits."""
        serving = self.settings
        values = {
            # The default is one worker per core or GPU, each with a copy of the model.
            "SAGEMAKER_MODEL_SERVER_WORKERS": serving.workers,
            # If one of these five is set, the toolkit writes all five for the model, with defaults of 1 worker and 60
            # seconds, and they override the two SAGEMAKER_MODEL_SERVER_ variables: set all five, with the same values.
            "SAGEMAKER_TS_MIN_WORKERS": serving.workers,
            "SAGEMAKER_TS_MAX_WORKERS": serving.workers,
            "SAGEMAKER_TS_BATCH_SIZE": serving.batch_size,
            "SAGEMAKER_TS_MAX_BATCH_DELAY": serving.batch_delay_milliseconds,
            "SAGEMAKER_TS_RESPONSE_TIMEOUT": self.response_timeout_seconds,
            # The toolkit writes it as TorchServe's default.
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": self.response_timeout_seconds,
            # For a custom image with TorchServe 0.12, which has a separate limit for loading, by default 120 seconds;
            # 0.6.0 ignores it. The toolkit has no name for it, but lets TorchServe read its own variables
            # (enable_envvars_config).
            "TS_DEFAULT_STARTUP_TIMEOUT": serving.load_timeout_seconds,
            # By default 100: beyond it TorchServe responds 503, which SageMaker does not retry.
            "TS_JOB_QUEUE_SIZE": max(_DEFAULT_JOB_QUEUE, self.concurrent_invocations),
            # TorchServe's own names, since no SAGEMAKER_TS_ variable exists. The default is 6.5 MB.
            "TS_MAX_REQUEST_SIZE": serving.max_request_bytes,
            "TS_MAX_RESPONSE_SIZE": serving.max_response_bytes,
        }
        return {name: str(value) for name, value in values.items()}
