"""Whether a container's workers are busy or dead, which its /ping does not tell.

TorchServe answers /ping for itself, and starts a worker that cannot load the model again and again, for ever. Which
workers have the model is in its log (`worker_log`); here it is judged for how long none may have it.
"""

import time
from collections.abc import Callable, Mapping
from enum import Enum

# One of these makes the toolkit give the model settings of its own, with 60 seconds unless the last says otherwise.
_OF_THE_MODEL = (
    "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY", "SAGEMAKER_TS_MIN_WORKERS", "SAGEMAKER_TS_MAX_WORKERS",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT",
)  # fmt: skip
# Else TorchServe's own variable counts, and then the toolkit's.
_OF_ALL = ("TS_DEFAULT_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT")
_SECONDS = "60"  # the toolkit's, where no variable is set


def load_seconds(environment: Mapping[str, str]) -> float:
    """How long a load may take: in TorchServe 0.6.0 as long as an answer, by the Model's variables.

    Read in sagemaker-pytorch-inference 2.0.10 (torchserve.py, ts_environment.py) and TorchServe 0.6.0
    (WorkerThread.java, ConfigManager.java).
    """
    names = _OF_THE_MODEL[-1:] if any(name in environment for name in _OF_THE_MODEL) else _OF_ALL
    return float(next((environment[name] for name in names if name in environment), _SECONDS))


class Health(Enum):
    """What becomes of a request that the container is given now."""

    READY = "a worker has the model, and is free or at work"
    LOADING = "no worker has the model yet, or again"
    DEAD = "no worker has had the model for longer than its loading may take, or the container ended"


class Workers:
    """Judges a container by what TorchServe says of its workers, each time that it is asked.

    Args:
        environment: The Model's variables, some of which say how long a load may take.
        clock: Seconds that never go back.
    """

    def __init__(self, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = load_seconds(environment)
        self._clock = clock
        self._without_since: float | None = None

    def judge(self, *, have_model: bool) -> Health:
        """The health that follows from now and from earlier answers; counted from the first without a model."""
        if have_model:
            self._without_since = None
            return Health.READY
        now = self._clock()
        if self._without_since is None:
            self._without_since = now
        return Health.DEAD if now - self._without_since > self._patience else Health.LOADING
