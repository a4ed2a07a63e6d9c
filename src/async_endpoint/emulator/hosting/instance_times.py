"""How long an instance takes from its order to its first answer, where a machine here is faster than AWS."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceTimes:
    """Seconds on AWS's clock that each stage takes at least; what really happens here counts towards them.

    Attributes:
        provision: Until there is a machine.
        pull: Until it has the image.
        download: Until it has the model's archive.
        start: Until the container answers.
    """

    provision: float = 0.0
    pull: float = 0.0
    download: float = 0.0
    start: float = 0.0
