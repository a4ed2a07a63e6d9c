"""Tells busy workers of a container from dead ones, which its /ping does not.

TorchServe itself answers /ping, and restarts a worker that cannot load the model for ever. Its log says which workers
have the model (`worker_log`); this module decides for how long none may have it.
"""

import time
from collections.abc import Callable, Mapping
from enum import Enum

# With one of these the toolkit writes settings of the model: 60 seconds, unless the last one is set.
_OF_THE_MODEL = (
    "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY", "SAGEMAKER_TS_MIN_WORKERS", "SAGEMAKER_TS_MAX_WORKERS",
    "SAGEMAKER_TS_RESPONSE_TIMEOUT",
)  # fmt: skip
# Without them, TorchServe's own variable counts, and then the toolkit's.
_OF_ALL = ("TS_DEFAULT_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT")
_SECONDS = "60"  # the toolkit's, where no variable is set


def load_seconds(environment: Mapping[str, str]) -> float:
    """Returns how long a load may take, by the Model's variables: in TorchServe 0.6.0 as long as a response.

    Source: sagemaker-pytorch-inference 2.0.10 (torchserve.py, ts_environment.py) and TorchServe 0.6.0
    (WorkerThread.java, ConfigManager.java).
    """
    names = _OF_THE_MODEL[-1:] if any(name in environment for name in _OF_THE_MODEL) else _OF_ALL
    return float(next((environment[name] for name in names if name in environment), _SECONDS))


class Health(Enum):
    """What happens to a request that the container gets now."""

    READY = "a worker has the model, and is free or at work"
    LOADING = "no worker has the model yet, or again"
    DEAD = "no worker has had the model for longer than its loading may take, or the container ended"


class Workers:
    """Judges a container's workers by what TorchServe logs about them.

    Args:
        environment: The Model's variables, which limit the time of a load.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._load_seconds = load_seconds(environment)
        self._clock = clock
        self._without_since: float | None = None

    def judge(self, *, have_model: bool) -> Health:
        """Returns the health by this and earlier calls; the time counts from the first one without a model."""
        if have_model:
            self._without_since = None
            return Health.READY
        now = self._clock()
        if self._without_since is None:
            self._without_since = now
        return Health.DEAD if now - self._without_since > self._load_seconds else Health.LOADING
