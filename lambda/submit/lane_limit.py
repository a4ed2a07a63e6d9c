"""How many documents may be with the endpoint at a time: enough to keep it busy, and few enough for an urgent one.

A document counts from the 202 until its outcome is recorded. The limit has three parts:

    in work        what each instance takes from SageMaker's queue at a time: a batch at work, and the next one
    on their way   what is done already, but neither recorded nor replaced by the next documents yet
    for scaling    while more instances may be added: what their alarm must see in the queue, for minutes without a gap

docs/decisions/0035 has the reasons, tests/stacks/test_admission_scaling.py the proof that the fleet still grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.protocol import VariantCapacity

# From an outcome to the next submission: a topic, two queues and two functions. A longer time is covered by the batch
# that each instance has in advance.
ON_THEIR_WAY_SECONDS = 1.0
# While the fleet grows, the queue must not run dry for a moment either.
_ON_THEIR_WAY_AT_MOST = 5.0
_INSTANCES_RANGE = (1, 100_000)
_DOCUMENTS_RANGE = (1, 100_000)
_BATCH_RANGE = (1, 10)


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """The settings from the stack.

    Attributes:
        instance_requests: Requests that an instance takes at a time (INSTANCE_REQUESTS).
        instance_batch: Documents that all workers of an instance process together (INSTANCE_BATCH).
        backlog_per_instance: Waiting requests at which scaling aims (BACKLOG_PER_INSTANCE).
        max_instances: The most instances (MAX_INSTANCES).
        batch_size: Messages that the function receives together (BATCH_SIZE).
        max_concurrency: Batches of one queue that it processes at a time (MAX_CONCURRENCY).
    """

    instance_requests: int
    instance_batch: int
    backlog_per_instance: int
    max_instances: int
    batch_size: int
    max_concurrency: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> LimitSettings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing, not a whole number, or out of range.
        """
        variables = Environment(environment)
        return cls(
            instance_requests=variables.number("INSTANCE_REQUESTS", _DOCUMENTS_RANGE),
            instance_batch=variables.number("INSTANCE_BATCH", _DOCUMENTS_RANGE),
            backlog_per_instance=variables.number("BACKLOG_PER_INSTANCE", _DOCUMENTS_RANGE),
            max_instances=variables.number("MAX_INSTANCES", _INSTANCES_RANGE),
            batch_size=variables.number("BATCH_SIZE", _BATCH_RANGE),
            max_concurrency=variables.number("MAX_CONCURRENCY", _INSTANCES_RANGE),
        )


def lane_limit(settings: LimitSettings, capacity: VariantCapacity, *, messages: int, per_second: float) -> int:
    """Returns how many documents may be with the endpoint at a time.

    Args:
        settings: Of the stage.
        capacity: What runs and what is wanted.
        messages: Documents that wait to be looked at; counts only if no instance runs or is wanted.
        per_second: Outcomes in a second, of all instances together.
    """
    if running := capacity.running:
        for_scaling, seconds = 0, ON_THEIR_WAY_SECONDS
        if running < settings.max_instances:
            # An instance takes a whole batch from the queue at once, and the alarm looks at averages of a minute.
            for_scaling = settings.backlog_per_instance + settings.instance_batch + 1
            seconds = _ON_THEIR_WAY_AT_MOST
        return running * (settings.instance_requests + for_scaling) + math.ceil(per_second * seconds)
    wanted = min(settings.max_instances, max(1, capacity.desired, -(-messages // settings.backlog_per_instance)))
    # The wake alarm, if nothing else wakes the endpoint, starts as many instances as the backlog wants.
    return wanted * max(settings.instance_requests, settings.backlog_per_instance + 1)


def share_of(room: int, settings: LimitSettings, *, messages: int) -> int:
    """Returns how much of the room one batch may take, while other batches find the same room.

    Args:
        room: Documents for which there is room.
        settings: Of the stage.
        messages: Messages of the queue, with those of the batch. All of them may have room: then nothing is divided.
    """
    if messages <= room:
        return room
    batches = min(settings.max_concurrency, -(-messages // settings.batch_size))
    return -(-room // batches)
