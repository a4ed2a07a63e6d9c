"""ARNs and ids as AWS makes them, from a source that is passed in, so that a run can be repeated."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from async_endpoint.autoscaling.targets import NAMESPACE, TargetKey


def counted_ids() -> Callable[[], str]:
    """Returns a source of UUIDs that count up from 1: the same run gives the same ids."""
    numbers = itertools.count(1)
    return lambda: str(uuid.UUID(int=next(numbers)))


@dataclass(frozen=True)
class ArnFactory:
    """The account and region that ARNs name, and the source of the ids in them."""

    region: str = "us-east-1"
    account: str = "000000000000"
    new_id: Callable[[], str] = field(default_factory=counted_ids)

    def alarm(self, name: str) -> str:
        """Returns an alarm's ARN, which its name determines."""
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{name}"

    def new_policy(self, target: TargetKey, name: str) -> str:
        """Returns the ARN of a new scaling policy."""
        return (
            f"arn:aws:autoscaling:{self.region}:{self.account}:scalingPolicy:{self.new_id()}:"
            f"resource/{NAMESPACE}/{target.resource_id}:policyName/{name}"
        )

    def new_scheduled_action(self, target: TargetKey, name: str) -> str:
        """Returns the ARN of a new scheduled action."""
        return (
            f"arn:aws:autoscaling:{self.region}:{self.account}:scheduledAction:{self.new_id()}:"
            f"resource/{NAMESPACE}/{target.resource_id}:scheduledActionName/{name}"
        )

    def new_target(self) -> str:
        """Returns the ARN of a new scalable target."""
        return (
            f"arn:aws:application-autoscaling:{self.region}:{self.account}:scalable-target/"
            f"{self.new_id().replace('-', '')}"
        )


def is_policy_arn(arn: str) -> bool:
    """Returns whether an alarm's action is a scaling policy, which the autoscaler carries out itself."""
    parts = arn.split(":")
    return parts[2:3] == ["autoscaling"] and parts[5:6] == ["scalingPolicy"]
