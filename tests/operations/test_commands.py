import subprocess
import sys
from pathlib import Path

import pytest

from async_endpoint.operations.commands import CommandError, capture_command, run_command


def test_a_captured_command_has_its_output_and_errors_in_order() -> None:
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    finished = capture_command([sys.executable, "-c", program])
    assert (finished.returncode, finished.stdout) == (3, "out\nerr\n")


def test_a_program_that_cannot_be_started_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no-such-program cannot be run: No such file or directory\."):
        run_command([tmp_path / "no-such-program"])


def test_a_time_limit_is_an_option() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        capture_command([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.1)
