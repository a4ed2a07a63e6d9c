"""The metrics that a diagnosis reads. Their names are those of `docs/evidence.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

SAGEMAKER = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
OWN = "AsyncEndpoint"

BACKLOG = "ApproximateBacklogSize"
WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"
OLDEST = "ApproximateAgeOfOldestRequest"
PROCESSED = "InvocationsProcessed"
LATENCY = "ModelLatency"
CPU = "CPUUtilization"
GPU = "GPUUtilization"
OVERDUE = "OverdueJobs"

QUEUE_METRICS = frozenset({BACKLOG, WITHOUT_CAPACITY, OLDEST, "ApproximateBacklogSizePerInstance"})
"""Metrics of an endpoint's queue: with a variant's name as second dimension they match nothing.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
"""


@dataclass(frozen=True)
class Datapoint:
    """A minute of a metric."""

    at: datetime
    value: float


@dataclass(frozen=True)
class ReadMetric:
    """A metric to read; `of_variant` adds the dimension VariantName."""

    name: str
    namespace: str
    statistic: str
    of_variant: bool


READ = (
    ReadMetric(BACKLOG, SAGEMAKER, "Maximum", of_variant=False),
    ReadMetric(WITHOUT_CAPACITY, SAGEMAKER, "Maximum", of_variant=False),
    ReadMetric(OLDEST, SAGEMAKER, "Maximum", of_variant=False),
    ReadMetric(PROCESSED, SAGEMAKER, "Sum", of_variant=True),
    ReadMetric(LATENCY, SAGEMAKER, "Maximum", of_variant=True),
    ReadMetric(CPU, INSTANCES, "Maximum", of_variant=True),
    ReadMetric(GPU, INSTANCES, "Maximum", of_variant=True),
    ReadMetric(OVERDUE, OWN, "Maximum", of_variant=False),
)
