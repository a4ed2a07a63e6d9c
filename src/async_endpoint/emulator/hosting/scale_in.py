"""Scale-in: which instances go, and how long their running requests may finish.

Source: the developer guide, "Use your own inference code with hosting services": SageMaker sends SIGTERM to a container
and SIGKILL 30 seconds later. https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import logging
from collections.abc import Sequence

from async_endpoint.emulator.hosting.fleet_member import FleetMember
from async_endpoint.emulator.hosting.instance import Instance

DRAIN_SECONDS = 30.0

logger = logging.getLogger(__name__)


def surplus(members: Sequence[FleetMember], count: int) -> Sequence[FleetMember]:
    """Returns the members that go when `count` remain: the newest, as the oldest have warm caches."""
    return members[count:]


def take_out_of_service(member: FleetMember, *, drain: bool) -> None:
    """Stops a member; returns when it is gone and its unfinished requests are back in the queue.

    Args:
        member: The fleet member.
        drain: Let running requests finish first, for up to `DRAIN_SECONDS`.
    """
    if member.consumer is not None:
        member.consumer.stop()
        if drain:
            member.instance.drain(DRAIN_SECONDS)
    stop_instance(member.instance)
    if member.consumer is not None:
        member.consumer.join()


def stop_instance(instance: Instance) -> None:
    """Stops an instance; a failure is logged, so that it does not block the rest of the fleet."""
    try:
        instance.stop()
    except Exception:
        logger.exception("instance %s could not be stopped", instance.instance_id)
