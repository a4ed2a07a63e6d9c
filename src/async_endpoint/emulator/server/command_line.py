"""The command line of a local AWS's process: the launcher writes it, the process reads it."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.hosting.instance_times import InstanceTimes


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """The options of the process.

    Attributes:
        port: The port to listen on, on 127.0.0.1.
        workdir: A folder for the files of instances.
        state: The folder of the saved state.
        serving_env: The folder of the default image's environment; `ServingEnvironments` has the others'.
        speed: How many times faster than the wall AWS's clock runs.
        threads: Computing threads of each instance.
        assumptions: How the points are settled that AWS leaves open.
        times: The shortest times that instances take to come up.
        until_stdin_closes: Whether the end of standard input stops the process.
        instance_price: USD for an hour of one instance; None shows no money.
    """

    port: int
    workdir: Path
    state: Path
    serving_env: Path
    speed: float = 1.0
    threads: int = 1
    assumptions: Assumptions = field(default_factory=Assumptions)
    times: InstanceTimes = field(default_factory=InstanceTimes)
    until_stdin_closes: bool = False
    instance_price: float | None = None

    @classmethod
    def from_arguments(cls, arguments: Sequence[str] | None = None) -> Self:
        """Reads command-line arguments, by default those of this process."""
        parser = argparse.ArgumentParser(description="A local AWS; `async-endpoint local start` starts one.")
        parser.add_argument("--port", type=int, required=True)
        for folder in ("--workdir", "--state", "--serving-env"):
            parser.add_argument(folder, type=Path, required=True)
        parser.add_argument("--speed", type=float, required=True)
        parser.add_argument("--threads", type=int, required=True)
        parser.add_argument("--assume", action="append", default=[], metavar="NAME=VALUE")
        for stage in fields(InstanceTimes):
            parser.add_argument(f"--{stage.name}-seconds", type=float, default=stage.default)
        parser.add_argument("--until-stdin-closes", action="store_true")
        parser.add_argument("--instance-price", type=float)
        members = vars(parser.parse_args(arguments))
        return cls(
            assumptions=Assumptions.parse(members.pop("assume")),
            times=InstanceTimes(
                **{stage.name: members.pop(f"{stage.name}_seconds") for stage in fields(InstanceTimes)}
            ),
            **members,
        )

    def command(self) -> list[str]:
        """Returns the command that starts the process."""
        pairs = {
            "port": self.port,
            "workdir": self.workdir,
            "state": self.state,
            "serving-env": self.serving_env,
            "speed": self.speed,
            "threads": self.threads,
            **{f"{stage}-seconds": seconds for stage, seconds in asdict(self.times).items()},
        }
        return [
            sys.executable,
            "-m",
            "async_endpoint.emulator.server",
            *(part for name, value in pairs.items() for part in (f"--{name}", str(value))),
            *(part for pair in self.assumptions.as_arguments() for part in ("--assume", pair)),
            *(["--until-stdin-closes"] if self.until_stdin_closes else []),
            *([] if self.instance_price is None else ["--instance-price", str(self.instance_price)]),
        ]
