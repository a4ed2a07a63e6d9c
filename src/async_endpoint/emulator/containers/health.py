"""Whether a container's workers are busy or dead, which its /ping does not tell.

TorchServe answers /ping for itself. Its description of the model, GET /models/model, says of each worker whether it has
the model loaded: a busy worker has, and one that ended and cannot load the model again has not, however often
TorchServe starts it. Formats are those of TorchServe 0.12.0.
"""

import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

_STARTUP_VARIABLE = "TS_DEFAULT_STARTUP_TIMEOUT"
_STARTUP_SECONDS = 120  # TorchServe's, where the variable is not set


class Health(Enum):
    """What becomes of a request that the container is given now."""

    READY = "a worker has the model, and is free or at work"
    LOADING = "no worker has the model yet, or again"
    DEAD = "no worker has had the model for longer than its loading may take, or the container ended"


class Workers:
    """Judges a container by what TorchServe says of its workers, each time that it is asked.

    Args:
        model_folder: What tells this container's model from another's, should that have got the port.
        environment: The Model's variables, one of which says how long a load may take.
        clock: Seconds that never go back.
    """

    def __init__(
        self, model_folder: str, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model_folder = model_folder
        self._patience = float(environment.get(_STARTUP_VARIABLE, _STARTUP_SECONDS))
        self._clock = clock
        self._without_since: float | None = None

    def have_model(self, description: Any) -> bool:  # noqa: ANN401 - JSON
        """Whether a worker has loaded the model, by TorchServe's description of it."""
        mine = [version for version in description if version["modelUrl"] == self._model_folder]
        return any(worker["status"] == "READY" for version in mine for worker in version["workers"])

    def judge(self, *, have_model: bool) -> Health:
        """The health that follows from now and from earlier answers; counted from the first without a model."""
        if have_model:
            self._without_since = None
            return Health.READY
        now = self._clock()
        if self._without_since is None:
            self._without_since = now
        return Health.DEAD if now - self._without_since > self._patience else Health.LOADING
