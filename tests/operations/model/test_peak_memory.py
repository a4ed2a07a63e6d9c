import subprocess
import sys

from async_endpoint.operations.model.peak_memory import PeakMemory

# A child takes 200 MB for a moment and gives them back.
SCRIPT = """
import subprocess, sys
child = "data = bytearray(200_000_000); del data; print('done', flush=True); input()"
subprocess.run([sys.executable, "-c", child])
"""


def test_a_short_peak_of_a_descendant_counts() -> None:
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        with PeakMemory(process.pid) as memory:
            pass
        process.stdin.close()
    assert 190 < memory.megabytes < 400


def test_a_process_that_is_gone_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with PeakMemory(process.pid) as memory:
        pass
    assert memory.megabytes == 0
