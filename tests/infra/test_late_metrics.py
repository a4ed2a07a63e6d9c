"""Both presets wake, work and sleep whatever CloudWatch sees late, out of step, or never.

The sweep is every combination of the lists below; the suite runs an even share of them, and all with
ASYNC_ENDPOINT_SWEEP=full.
"""

import itertools
import os
import random
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from async_endpoint.scaling import EvaluationRules
from tests.infra.late_metrics import Case, findings, simulate
from tests.infra.test_scaling_behaviour import template_of

PATTERNS = ("burst", "long", "every-7-minutes", "again-when-asleep", "200-at-once")
PRESETS = ("responsive", "aws")
DELAYS = (0, 60, 120, 180, 240)
# How far queue, variant and instance metrics are apart.
OFFSETS = ((0, 0, 0), (120, 0, 0), (-120, 0, 0), (0, 120, 0), (0, -120, 0), (0, 0, 120), (0, 0, -120), (120, 0, -120),
           (-120, 0, 120))  # fmt: skip
UNSTEADY = ((0, 0.0), (45, 0.0), (0, 0.03), (45, 0.03))  # seconds of jitter, share of datapoints that never arrive
RULES = tuple(
    EvaluationRules(fill, scalar, extra, recovery)  # type: ignore[arg-type]
    for fill in ("missing", "value")
    for scalar in ("missing", "zero")
    for extra in (0, 2, 10)
    for recovery in (0, 8)
)
BACKLOGS = ("in-flight", "queued")
SHARE = 120


@pytest.fixture(scope="module")
def templates(artifacts: Path) -> dict[str, Template]:
    return {name: template_of(artifacts, scaling__max_instances=4, scaling__preset=name) for name in PRESETS}


def cases() -> list[tuple[str, Case]]:
    every = itertools.product(PRESETS, PATTERNS, DELAYS, OFFSETS, UNSTEADY, BACKLOGS)
    draw = random.Random(14)  # noqa: S311 - no secret
    made = [
        (preset, Case(pattern, delay, *offsets, *unsteady, backlog, draw.choice(RULES), seed=draw.randrange(2**32)))  # type: ignore[arg-type]
        for preset, pattern, delay, offsets, unsteady, backlog in every
    ]
    if os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full":
        return made
    draw.shuffle(made)
    return made[:SHARE]


def test_both_presets_keep_their_promises_however_late_metrics_are(templates: dict[str, Template]) -> None:
    swept = cases()
    broken = [
        f"{preset} {case}: {'; '.join(found)}"
        for preset, case in swept
        if (found := findings(simulate(case, templates[preset])))
    ]
    assert not broken, "\n".join([f"{len(broken)} of {len(swept)} cases:", *broken[:20]])
