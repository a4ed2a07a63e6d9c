"""What the autoscaler refuses, under the names AWS gives it.

ScalingError
├── ValidationException        a member is missing, malformed or contradicts another
├── ObjectNotFoundException    no such scalable target or scaling policy
├── LimitExceededException     a quota is used up
└── InvalidNextTokenException  a token that no answer gave

CapacityError stands apart: a CapacityPort raises it when the resource is gone or refuses a change.
"""


class ScalingError(Exception):
    """The base of every refusal; `code` is the error code that the API answers."""

    code = "InternalServiceException"


class ValidationException(ScalingError):
    """A request breaks a documented rule. CloudWatch's own API spells this code `ValidationError`."""

    code = "ValidationException"


class ObjectNotFoundException(ScalingError):
    """A request names a scalable target or a scaling policy that does not exist."""

    code = "ObjectNotFoundException"


class LimitExceededException(ScalingError):
    """A request asks for more than a quota allows."""

    code = "LimitExceededException"


class InvalidNextTokenException(ScalingError):
    """A NextToken is not one that an answer gave."""

    code = "InvalidNextTokenException"


class CapacityError(Exception):
    """The scaled resource does not exist, or refuses the change; the message is one sentence saying why."""
