"""How long an instance takes to start, where a machine here is faster than AWS."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceTimes:
    """Seconds on AWS's clock that each stage takes at least; the real work here counts towards them.

    Attributes:
        provision: Until there is a machine.
        pull: Until it has the image.
        download: Until it has the model's archive.
        start: Until the model is ready.
    """

    provision: float = 0.0
    pull: float = 0.0
    download: float = 0.0
    start: float = 0.0
