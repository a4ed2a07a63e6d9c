"""The limits of the model server and of its requests, computed from the table `[serving]`.

SageMaker, the serving toolkit, the model server and its workers each have a limit of their own for the same thing. A
limit that is set alone contradicts the others, so all of them are computed here; `stacks/serving_variables.py` gives
them the names that an image's model server reads.
"""

import math
from dataclasses import dataclass

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE
from async_endpoint.protocol.serving_images import ModelServer
from stacks.serving_variables import variables_of
from stacks.settings.fields import SettingsError
from stacks.settings.serving import ServingSettings

_, _MAX_INVOCATION_TIMEOUT = INVOCATION_TIMEOUT_SECONDS_RANGE
# Limit of CreateEndpointConfig.
_MAX_CONCURRENT_INVOCATIONS = 1000
# Default of both model servers: they respond 503 while as many requests wait.
_DEFAULT_JOB_QUEUE = 100


@dataclass(frozen=True)
class ServingLimits:
    """The limits of one stage's containers, and of the requests that SageMaker sends them.

    Attributes:
        settings: The table `[serving]`.
        default_workers: The number of workers where `serving.workers` is not set.
        server: The image's model server.
        gpus: The GPUs of an instance; 1 for an instance without.

    Raises:
        SettingsError: The settings together exceed SageMaker's limits.
    """

    settings: ServingSettings
    default_workers: int = 1
    server: ModelServer = ModelServer.TORCHSERVE
    gpus: int = 1

    def __post_init__(self) -> None:
        """Checks the computed limits against SageMaker's."""
        serving = self.settings
        if self.concurrent_invocations > _MAX_CONCURRENT_INVOCATIONS:
            raise SettingsError(
                f"serving.workers is {self.workers} and serving.batch_size {serving.batch_size}; two batches for "
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

        # Half, as model_artifacts/code/limits.py divides the time: the other half is the network's.
        longest = self.response_timeout_seconds // 2
        if serving.document_seconds is not None and serving.document_seconds > longest:
            raise SettingsError(
                f"serving.document_seconds is {serving.document_seconds}, and drawing all documents of a batch may "
                f"take half of the {self.response_timeout_seconds} seconds after which its worker is stopped: set it "
                f"to {longest} or less, or raise serving.timeout_seconds."
            )

    @property
    def workers(self) -> int:
        """Worker processes of one instance, each with a copy of the model."""
        return self.settings.workers or self.default_workers

    @property
    def concurrent_invocations(self) -> int:
        """MaxConcurrentInvocationsPerInstance: a worker processes one batch while its next batch fills."""
        return 2 * self.workers * self.settings.batch_size

    @property
    def response_timeout_seconds(self) -> int:
        """Time after which a worker that has not returned a batch is replaced.

        TorchServe 0.6.0 and Multi Model Server apply the same limit to loading the model: with a shorter limit they
        would restart the worker forever.
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
    def workers_of_gpu(self) -> int:
        """Worker processes of one GPU, or of the CPU."""
        return math.ceil(self.workers / self.gpus)

    @property
    def job_queue_size(self) -> int:
        """Requests that the model server keeps waiting."""
        return max(_DEFAULT_JOB_QUEUE, self.concurrent_invocations)

    @property
    def environment(self) -> dict[str, str]:
        """The container's variables for these limits, by the names that its model server reads."""
        return variables_of(self)
