"""How much the model server takes at a time, and for how long: everything that follows from the table `[serving]`.

SageMaker, the serving toolkit, TorchServe and its workers have a limit each for the same thing. One that is set by
itself contradicts the others, so all of them are computed here.
Read in: sagemaker-pytorch-inference 2.0.10 (torchserve.py, ts_environment.py), TorchServe 0.6.0
(WorkerThread.java, ConfigManager.java) and 0.12.0, which an image of one's own may hold.
"""

import math
from dataclasses import dataclass

from stacks.settings.fields import SettingsError
from stacks.settings.serving import ServingSettings

# InvokeEndpointAsync and CreateEndpointConfig take no more.
_MAX_INVOCATION_TIMEOUT = 3600
_MAX_CONCURRENT_INVOCATIONS = 1000
# TorchServe's own: with more than that waiting it answers 503.
_DEFAULT_JOB_QUEUE = 100

# What decides each variable of the container, for whoever wants to set one by hand.
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
    """The limits of one stage's containers, and those of the requests that SageMaker hands them.

    Raises:
        SettingsError: For settings that together go beyond what SageMaker takes.
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
        """MaxConcurrentInvocationsPerInstance: a worker reads one batch while its next one gathers."""
        return 2 * self.settings.workers * self.settings.batch_size

    @property
    def response_timeout_seconds(self) -> int:
        """After how long TorchServe ends a worker that has not answered a batch, and starts another.

        The image's TorchServe 0.6.0 has this one limit for the load, too: shorter than a load, it would start the
        worker again for ever.
        """
        return max(self.settings.timeout_seconds, self.settings.load_timeout_seconds)

    @property
    def invocation_timeout_seconds(self) -> int:
        """InvocationTimeoutSeconds of every request.

        The worst that a request may meet is a batch ahead that hangs, the load of the worker that replaces it, and a
        slow batch of its own. Given up sooner, it would fail for another request's fault, and its work would be lost.
        """
        delay = math.ceil(self.settings.batch_delay_milliseconds / 1000)
        return 2 * self.response_timeout_seconds + self.settings.load_timeout_seconds + delay

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the container that set these limits."""
        serving = self.settings
        values = {
            # Unset, there would be a worker for each core or GPU, each with a copy of the model.
            "SAGEMAKER_MODEL_SERVER_WORKERS": serving.workers,
            # One of these five makes the toolkit write all five for the model, with 1 worker and 60 seconds in place of
            # what is not set, and these win over the two SAGEMAKER_MODEL_SERVER_ ones: so all five, and the same.
            "SAGEMAKER_TS_MIN_WORKERS": serving.workers,
            "SAGEMAKER_TS_MAX_WORKERS": serving.workers,
            "SAGEMAKER_TS_BATCH_SIZE": serving.batch_size,
            "SAGEMAKER_TS_MAX_BATCH_DELAY": serving.batch_delay_milliseconds,
            "SAGEMAKER_TS_RESPONSE_TIMEOUT": self.response_timeout_seconds,
            # What the toolkit writes as TorchServe's default.
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": self.response_timeout_seconds,
            # For an image of one's own with TorchServe 0.12, where the load has a limit of its own, 120 seconds unless
            # set; 0.6.0 does not know it. The toolkit has no name for it, but lets TorchServe read its own variables
            # (enable_envvars_config).
            "TS_DEFAULT_STARTUP_TIMEOUT": serving.load_timeout_seconds,
            # Of 100 unless set: requests beyond it are answered 503, which SageMaker does not try again.
            "TS_JOB_QUEUE_SIZE": max(_DEFAULT_JOB_QUEUE, self.concurrent_invocations),
            # TorchServe's own names: the SAGEMAKER_TS_ ones are not read for these. Unset, 6.5 MB is the limit.
            "TS_MAX_REQUEST_SIZE": serving.max_request_bytes,
            "TS_MAX_RESPONSE_SIZE": serving.max_response_bytes,
        }
        return {name: str(value) for name, value in values.items()}
