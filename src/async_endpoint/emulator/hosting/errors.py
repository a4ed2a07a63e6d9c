"""Why an instance does not come up. Each message is the whole reason, in AWS's words where they are known.

LaunchFailed                 an instance did not start; its cause says why
InstanceUnavailable          something that an instance needs is missing
├── ImageUnavailable         the container's image cannot be pulled
├── ModelUnavailable         the model's archive cannot be downloaded
└── InsufficientCapacity     AWS has no machine of the requested type
    └── CapacityNeverCame    the same, after SageMaker has waited for one
"""


class LaunchFailed(Exception):
    """An instance did not start; the message says why."""


class InstanceUnavailable(Exception):
    """A machine, the image or the archive is missing; the message is the whole reason."""


class ImageUnavailable(InstanceUnavailable):
    """The container's image cannot be pulled; the message names it."""


class ModelUnavailable(InstanceUnavailable):
    """The model's archive cannot be downloaded."""


class InsufficientCapacity(InstanceUnavailable):
    """AWS has no machine of the requested type."""


class CapacityNeverCame(InsufficientCapacity):
    """AWS had no machine of the requested type during the whole time that SageMaker waited for one."""
