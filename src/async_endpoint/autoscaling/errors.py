"""What Application Auto Scaling rejects, under the names that its API gives the errors.

ScalingError
├── ValidationException        a member is missing, wrong or contradicts another
├── ObjectNotFoundException    no such scalable target, scaling policy or scheduled action
├── LimitExceededException     a quota is used up
└── InvalidNextTokenException  a token that no response contained

CapacityError is separate: a CapacityPort raises it when the resource is gone or rejects a change.
"""


class ScalingError(Exception):
    """The base of every rejection; `code` is the error code in the API's response."""

    code = "InternalServiceException"


class ValidationException(ScalingError):
    """A request breaks a documented rule, or needs what is not evaluated here."""

    code = "ValidationException"


class ObjectNotFoundException(ScalingError):
    """A request names a scalable target, a scaling policy or a scheduled action that does not exist."""

    code = "ObjectNotFoundException"


class LimitExceededException(ScalingError):
    """A request asks for more than a quota allows."""

    code = "LimitExceededException"


class InvalidNextTokenException(ScalingError):
    """A NextToken is not one that a response contained."""

    code = "InvalidNextTokenException"


class CapacityError(Exception):
    """The scaled resource does not exist, or rejects the change; the message is one sentence saying why."""
