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
    """A process whose child, not itself, is busy until it is killed; it prints a line after 0.3 s of a core's time."""
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nwhile time.process_time() < 60: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)


def test_a_busy_and_an_idle_instance_are_two_samples_of_what_their_processes_do() -> None:
    store = SharedMetricStore()
    metrics = InstanceMetrics("receipts", "AllTraffic", store, ManualClock(START))
    began = time.monotonic()
    idle = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    busy = busy_child()
    assert busy.stdout is not None
    try:
        busy.stdout.readline()
        metrics.sample({busy.pid: began, idle.pid: began})
        least = 100 * 0.3 / (time.monotonic() - began)
    finally:
        os.killpg(busy.pid, 9)
        idle.kill()
        busy.wait()
        busy.stdout.close()
        idle.wait()
    assert published(store, "CPUUtilization", "SampleCount") == 2
    highest, lowest = (published(store, "CPUUtilization", statistic) for statistic in ("Maximum", "Minimum"))
    assert highest is not None
    assert lowest is not None
    assert 0.95 * least <= highest <= 130  # of one core; the machine may be busy with other things
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


# Uses a fifth of a second of processor time for each line that it gets, and says so.
_WORKER = """
import sys, time
for line in sys.stdin:
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    print(flush=True)
"""


@pytest.mark.parametrize("minutes", [1, 2])
def test_each_sample_covers_the_time_since_the_one_before(minutes: int) -> None:
    store, clock = SharedMetricStore(), ManualClock(START)
    metrics = InstanceMetrics("receipts", "AllTraffic", store, clock)
    used = []
    with subprocess.Popen([sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        roots = {worker.pid: time.monotonic() - 1e6}  # it has used next to nothing since then
        for _ in range(minutes):
            metrics.sample(roots)
            began = time.monotonic()
            worker.stdin.write(b"\n")
            worker.stdin.flush()
            worker.stdout.readline()
            used.append(100 * 0.2 / (time.monotonic() - began))
        metrics.sample(roots)
        worker.stdin.close()
    highest = published(store, "CPUUtilization", "Maximum")
    assert highest is not None
    assert highest > min(used) / 2


def test_a_process_that_ended_in_the_meantime_counts() -> None:
    store = SharedMetricStore()
    metrics = InstanceMetrics("receipts", "AllTraffic", store, ManualClock(START))
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    starts_one = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint(flush=True)\n"
    starts_one += "sys.stdin.read()  # waits"
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", starts_one], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        metrics.sample({parent.pid: began})
        least = 100 * 0.3 / (time.monotonic() - began)
        parent.stdin.close()
    highest = published(store, "CPUUtilization", "Maximum")
    assert highest is not None
    assert highest >= least * 0.95
