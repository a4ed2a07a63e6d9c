"""24 configurations of stage prod under a month of 100,000 requests, as `async-endpoint plan --sweep` simulates them.

Also the preset `responsive` against the recipe of AWS's guide, under bursts: dollars a month and waits.
"""

import dataclasses
import importlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from async_endpoint.planner import (
    Conditions,
    Configuration,
    Durations,
    Pattern,
    ServiceTimes,
    Stage,
    bundled_prices,
    configurations,
    make_bill,
    parse_sweep,
    read_stage,
    simulate,
    simulate_all,
)
from async_endpoint.planner.stage_settings import BACKLOG_POLICY
from async_endpoint.planner.template import Scaling, ScalingAlarm
from async_endpoint.protocol import WAKE_POLICY
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY

GOAL_SECONDS = 30.0
_PATTERN = "office-rate=320,nightly=1000"
_BURSTS = "bursts=6,burst-size=200"
_SWEEP = (
    "scaling.preset=responsive,aws",
    "scaling.max_instances=2,4,8",
    "scaling.backlog_per_instance=5,20",
    "scaling.wake_on_submit=true,false",
)
_CONFIGURATIONS = 24
_REGION = "us-east-1"
# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html: its policies track 5 requests an
# instance, and add one instance after two minutes of HasBacklogWithoutCapacity. Samples differ in the cooldowns of
# tracking: both pairs were found.
_COOLDOWNS = ((600, 300), (300, 150))


def run() -> Result:
    """Simulates the configurations with all processors and with one, and compares preset and recipe."""
    stage = _stage()
    conditions = Conditions(service=Durations.constant(2.0), start=Durations.constant(240.0), concurrency=1)
    found = configurations(stage, parse_sweep(_SWEEP), conditions, ServiceTimes.parse(["2"])).possible
    traffic = Pattern.parse(_PATTERN).traffic(1)
    cases = [(each.stage, each.conditions) for each in found]
    load = os.getloadavg()[0]
    began, used = time.monotonic(), os.times()
    outcomes = simulate_all(cases, traffic)
    seconds = time.monotonic() - began
    processor_seconds = os.times().children_user - used.children_user
    progress(f"{len(cases)} configurations in {seconds:.1f} s")
    began = time.monotonic()
    alone = simulate_all(cases, traffic, workers=1)
    alone_seconds = time.monotonic() - began
    progress(f"with one process: {alone_seconds:.1f} s")
    return Result(
        ratio=seconds,
        goal=GOAL_SECONDS,
        at_most=True,
        conditions={
            "configurations_are_24_and_different": len(found) == _CONFIGURATIONS and _differ(found),
            "the_same_with_one_process": outcomes == alone,
        },
        figures={
            "requests": len(traffic.arrivals),
            "seconds_with_one_process": round(alone_seconds, 1),
            "processor_seconds": round(processor_seconds, 1),
            "processors": os.cpu_count(),
            "load_before": round(load, 1),
            "under_bursts": _under_bursts(stage, conditions),
        },
    )


def _stage() -> Stage:
    with tempfile.TemporaryDirectory() as folder:
        # The processes that simulate do without the CDK.
        settings = importlib.import_module("stacks.settings.stage").load_settings(REPOSITORY / "config", "prod")
        artifacts = settings.model.artifacts_in(REPOSITORY)
        importlib.import_module("app").build_app(settings, artifacts=artifacts, outdir=Path(folder)).synth()
        return read_stage(Path(folder))


def _differ(found: list[Configuration]) -> bool:
    return all(one.stage != other.stage for index, one in enumerate(found) for other in found[:index])


def _under_bursts(stage: Stage, conditions: Conditions) -> dict[str, Any]:
    stages = {"responsive": stage}
    for name, values in (("aws", "aws"), ("responsive_woken_by_alarm", "responsive"), ("aws_woken_by_alarm", "aws")):
        by_submission = "false" if "alarm" in name else "true"
        sweep = parse_sweep([f"scaling.preset={values}", f"scaling.wake_on_submit={by_submission}"])
        stages[name] = configurations(stage, sweep, conditions, ServiceTimes.parse(["2"])).possible[0].stage
    for scale_in, scale_out in _COOLDOWNS:
        stages[f"recipe_{scale_in}_{scale_out}"] = aws_recipe(stage, scale_in, scale_out)
    traffic = Pattern.parse(_BURSTS).traffic(1)
    figures = {}
    for name, each in stages.items():
        outcome = simulate(each, traffic, conditions)
        bill = make_bill(each, outcome, bundled_prices(), region=_REGION)
        p50, p95 = outcome.wait_percentiles(50, 95)
        figures[name] = {
            "instance_usd": round(bill.instances or 0.0, 2),
            "p50_seconds": round(p50, 1),
            "p95_seconds": round(p95, 1),
            "cut_off": outcome.cut_off,
        }
        progress(f"{name}: {figures[name]}")
    return figures


def aws_recipe(stage: Stage, scale_in_seconds: int, scale_out_seconds: int) -> Stage:
    """Returns a stage that scales by the policies of AWS's guide, and by nothing else.

    Args:
        stage: A stage of this project.
        scale_in_seconds: ScaleInCooldown of target tracking.
        scale_out_seconds: ScaleOutCooldown of target tracking.
    """
    if stage.scaling is None:
        raise ValueError("The stage is not scaled.")
    named = {each["PolicyName"]: (name, each) for name, each in stage.scaling.policies.items()}
    tracking_id, tracking = named[BACKLOG_POLICY]
    wake_id, wake = named[WAKE_POLICY]
    configuration = dict(tracking["TargetTrackingScalingPolicyConfiguration"])
    del configuration["DisableScaleIn"]
    configuration |= {"TargetValue": 5, "ScaleInCooldown": scale_in_seconds, "ScaleOutCooldown": scale_out_seconds}
    step = {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    alarm = {
        "AlarmName": "has-backlog-without-capacity",
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": stage.endpoint_name}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
    }
    scaling = Scaling(
        minimum=stage.scaling.minimum,
        maximum=stage.scaling.maximum,
        policies={
            tracking_id: {**tracking, "TargetTrackingScalingPolicyConfiguration": configuration},
            wake_id: {**wake, "StepScalingPolicyConfiguration": step},
        },
        alarms=(ScalingAlarm(alarm, (wake_id,)),),
    )
    return dataclasses.replace(stage, scaling=scaling, wake=None, watchdog=None)
