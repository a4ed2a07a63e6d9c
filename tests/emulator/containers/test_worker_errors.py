"""The filter that keeps a worker's errors, in the Python of the tests; containers have it in theirs."""

import logging
import subprocess
import sys
from pathlib import Path

from async_endpoint.emulator.containers import worker_errors
from async_endpoint.emulator.containers.container_log import reported_errors

START = f"import runpy; install = runpy.run_path({worker_errors.__file__!r})['install']; install(FILE); install(FILE)\n"
WORKER = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)

def fail():
    raise ValueError("two\\nlines, caf\\u00e9")

try:
    fail()
except ValueError:
    logging.info("not this", exc_info=True)
    logging.warning("Unable to serialize model output.", exc_info=True)
logging.error("Backend worker process died.")
"""


def test_what_a_worker_reports_is_kept_once_and_still_printed(tmp_path: Path) -> None:
    file = tmp_path / "reports"
    code = START.replace("FILE", repr(str(file))) + WORKER
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (error,) = reported_errors(file)
    assert (error.report, error.error) == (worker_errors.NOT_SENT, "ValueError: two lines, caf\u00e9")
    assert error.functions[-1] == "fail"
    assert done.stdout.splitlines()[0] == "not this"
    assert "Unable to serialize model output." in done.stdout
    assert not logging.getLogger().filters  # of the tests themselves


REPORTS_TWICE = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)

try:
    try:
        raise RuntimeError("weights of another shape")
    except RuntimeError as error:
        logging.exception("Failed to load model %s, exception %s", "model", str(error))
        raise RuntimeError("500 - Unknown exception")
except RuntimeError:
    logging.error("Backend worker process died.", exc_info=True)
"""


def test_the_first_of_two_reports_about_one_load_is_kept(tmp_path: Path) -> None:
    """TorchServe 0.12.0 reports a RuntimeError of the model's, and then dies of one of its own."""
    file = tmp_path / "reports"
    code = START.replace("FILE", repr(str(file))) + REPORTS_TWICE
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (error,) = reported_errors(file)
    assert (error.report, error.error) == (worker_errors.DIED, "RuntimeError: weights of another shape")
