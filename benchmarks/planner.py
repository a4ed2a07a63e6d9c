"""A month of a million requests in the planner, against the same model with SimPy, request by request.

The stage is the app's own prod, without the function that wakes it: the alarms do. Both runs have the same arrivals,
durations, delays and autoscaler.
"""

import importlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from async_endpoint.planner import Conditions, Durations, Outcome, Pattern, Stage, read_stage, simulate
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY

GOAL = 20.0
MOST_MEGABYTES = 300
_PATTERN = "office-rate=4400,nightly=1100"
_SECONDS = Durations.constant(1.5)
_START = Durations.constant(240.0)
_ALIKE = 1e-3  # seconds: sums of floats differ in the last digits


def run() -> Result:
    """Runs both models, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        # The measured processes, which import this module, do without the CDK.
        settings = importlib.import_module("stacks.settings.stage").load_settings(REPOSITORY / "config", "prod")
        artifacts = settings.model.artifacts_in(REPOSITORY)
        importlib.import_module("app").build_app(settings, artifacts=artifacts, outdir=Path(folder)).synth()
        stage = replace(read_stage(Path(folder)), wake=None, watchdog=None)
    planned, seconds, megabytes = _in_process(_plan, stage)
    progress(f"planner: {seconds:.1f} s, {megabytes:.0f} MB")
    (waits, changes), simpy_seconds, simpy_megabytes = _in_process(_with_simpy, stage)
    progress(f"SimPy: {simpy_seconds:.1f} s, {simpy_megabytes:.0f} MB")
    return Result(
        ratio=simpy_seconds / seconds,
        goal=GOAL,
        conditions={
            "every_wait_is_equal": len(planned.waits) == len(waits)
            and all(abs(a - b) < _ALIKE for a, b in zip(planned.waits, waits, strict=True)),
            "every_change_is_equal": list(planned.changes) == changes,
            f"at_most_{MOST_MEGABYTES}_megabytes": megabytes <= MOST_MEGABYTES,
        },
        figures={
            "requests": planned.requests,
            "changes": len(changes),
            "seconds": round(seconds, 2),
            "simpy_seconds": round(simpy_seconds, 1),
            "megabytes": round(megabytes),
            "simpy_megabytes": round(simpy_megabytes),
        },
    )


def _conditions() -> Conditions:
    return Conditions(service=_SECONDS, start=_START, concurrency=1)


def _plan(stage: Stage) -> tuple[Outcome, float]:
    traffic = Pattern.parse(_PATTERN).traffic(1)
    began = time.process_time()
    outcome = simulate(stage, traffic, _conditions())
    return outcome, time.process_time() - began


def _with_simpy(stage: Stage) -> tuple[Any, float]:
    model = importlib.import_module("benchmarks.planner_simpy").SimPyModel(
        stage, Pattern.parse(_PATTERN).traffic(1), _conditions()
    )
    began = time.process_time()
    model.run()
    return (model.waits, model.changes), time.process_time() - began


def _in_process(measure: Callable[[Stage], tuple[Any, float]], stage: Stage) -> tuple[Any, float, float]:
    """Returns what a measurement returns in a process of its own, and that one's processor seconds and megabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found, seconds, megabytes = pool.apply(_measured, (measure, stage))
    return found, seconds, megabytes


def _measured(measure: Callable[[Stage], tuple[Any, float]], stage: Stage) -> tuple[Any, float, float]:
    found, seconds = measure(stage)
    return found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
