"""What instances use: real processes, under SageMaker's exact names and dimensions."""

import os
import subprocess
import sys
import time

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.hosting.instance_metrics import InstanceMetrics
from async_endpoint.emulator.server.metric_publisher import SharedMetricStore
from tests.emulator.fakes import START

DIMENSIONS = {"EndpointName": "receipts", "VariantName": "AllTraffic"}


def published(store: SharedMetricStore, name: str, statistic: str) -> float | None:
    key = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", name, DIMENSIONS)
    return store.periods(key, statistic, MINUTE, START, START + MINUTE).get(int(START))


def busy_child() -> "subprocess.Popen[bytes]":
    """A process whose child, not itself, keeps a core busy until it is killed or ten seconds have gone."""
    work = "import time; end = time.monotonic() + 10\nwhile time.monotonic() < end: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def test_a_busy_and_an_idle_instance_are_two_samples_of_what_their_processes_do() -> None:
    store = SharedMetricStore()
    metrics = InstanceMetrics("receipts", "AllTraffic", store, ManualClock(START))
    idle = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10)"])
    busy = busy_child()
    try:
        roots = {busy.pid: time.monotonic(), idle.pid: time.monotonic()}
        time.sleep(1.2)
        metrics.sample(roots)
    finally:
        os.killpg(busy.pid, 9)
        idle.kill()
        busy.wait()
        idle.wait()
    assert published(store, "CPUUtilization", "SampleCount") == 2
    highest, lowest = (published(store, "CPUUtilization", statistic) for statistic in ("Maximum", "Minimum"))
    assert highest is not None
    assert lowest is not None
    assert 20 < highest <= 130  # of one core; the machine may be busy with other things
    assert lowest < highest / 2
    memory = published(store, "MemoryUtilization", "Maximum")
    assert memory is not None
    assert 0 < memory < 50


def test_a_process_that_is_gone_has_no_sample() -> None:
    store = SharedMetricStore()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    InstanceMetrics("receipts", "AllTraffic", store, ManualClock(START)).sample({gone.pid: time.monotonic()})
    assert published(store, "CPUUtilization", "SampleCount") is None


def use_processor(seconds: float) -> float:
    """Uses so many seconds of processor time; returns the percentage of a core that this was."""
    began, until = time.monotonic(), time.process_time() + seconds
    while time.process_time() < until:
        pass
    return 100 * seconds / (time.monotonic() - began)


@pytest.mark.parametrize("minutes", [1, 2])
def test_each_sample_covers_the_time_since_the_one_before(minutes: int) -> None:
    store, clock = SharedMetricStore(), ManualClock(START)
    metrics = InstanceMetrics("receipts", "AllTraffic", store, clock)
    roots = {os.getpid(): time.monotonic() - 1e6}  # this process has used next to nothing since then
    used = []
    for _ in range(minutes):
        metrics.sample(roots)
        used.append(use_processor(0.2))
    metrics.sample(roots)
    highest = published(store, "CPUUtilization", "Maximum")
    assert highest is not None
    assert highest > min(used) / 2
