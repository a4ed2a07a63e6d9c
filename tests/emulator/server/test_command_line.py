"""The command line of the server's process: what the launcher writes is what the process reads."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.server.command_line import ServerOptions

DEFAULTS = ServerOptions(port=1, workdir=Path("/a folder/work"), state=Path("/state"), serving_env=Path("/env"))


@pytest.mark.parametrize(
    "options",
    [
        DEFAULTS,
        replace(
            DEFAULTS,
            port=4566,
            speed=60.0,
            threads=4,
            assumptions=Assumptions(backlog="queued", recovery_minutes=3),
            times=InstanceTimes(provision=240.0, start=1.5),
            until_stdin_closes=True,
            instance_price=0.736,
        ),
    ],
    ids=["defaults", "everything"],
)
def test_options_survive_the_way_to_the_process(options: ServerOptions) -> None:
    python, flag, module, *arguments = options.command()
    assert (python, flag, module) == (sys.executable, "-m", "async_endpoint.emulator.server")
    assert ServerOptions.from_arguments(arguments) == options
