"""Deploys to a local AWS with the CDK CLI, wakes the endpoint, processes the sample receipts, sleeps, destroys.

`make demo` runs it. It deploys the app as it is, by `cdk deploy --all`, and knows nothing about how the app scales.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import AsyncEndpointError, RunInterrupted
from async_endpoint.emulator.containers.environment import prepare_all
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.launcher import LocalAws, LocalAwsError, state_dir_arguments
from async_endpoint.protocol.serving_images import IMAGES, ImageName
from demo.deployment import (
    ROOT,
    Cdk,
    Deployment,
    DeploymentError,
    app_options,
    stage_image,
    synthesised_region,
)
from demo.report import Summary, print_results
from demo.samples import process_samples

RESULTS = ROOT / "demo-results"
STATE_DIR = ROOT / ".local-aws-demo"  # not the user's own: the demo starts by clearing it
_SLEEP_SECONDS = 45 * 60  # on AWS's clock; half of it is usual


@dataclass(frozen=True)
class Options:
    """The options of the command line.

    Attributes:
        keep: Leave everything up at the end, awake.
        sleep: Wait until the endpoint scales in to zero by itself.
        speed: How many times faster than the wall AWS's clock runs.
        image: The serving image in place of the stage's own; None for its own.
        deadline: Seconds to wait for all results.
        serving_env: The folder of the default image's serving environment.
        state_dir: The local AWS's folder.
    """

    keep: bool
    sleep: bool
    speed: float
    deadline: float
    image: ImageName | None
    serving_env: Path
    state_dir: Path


def main() -> None:
    """Runs the demo; exit status 0 when every document completed."""
    try:
        sys.exit(demo(parse_options(), Console(highlight=False)))
    except (DeploymentError, LocalAwsError, ContainerError, AsyncEndpointError) as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, RunInterrupted):
        sys.exit("Interrupted; everything that the demo started has stopped.")


def demo(options: Options, console: Console, *, before_destroy: Callable[[LocalAws], None] | None = None) -> int:
    """Starts a local AWS, deploys, processes, sleeps, destroys; returns the exit status.

    Args:
        options: The options of the command line.
        console: Where everything is printed.
        before_destroy: Called while everything is still deployed.
    """
    RESULTS.mkdir(exist_ok=True)
    image = options.image or stage_image().name
    serving = prepare_all(options.serving_env, console.print, (image,))
    with _step(console, "start the local AWS"):
        # Tied: when this process dies, the local AWS and everything that it started stop with it.
        local = LocalAws.start(
            serving, state_dir=options.state_dir, speed=options.speed, fresh=True, tied=not options.keep
        )
    try:
        cdk = Cdk(local, RESULTS / "cdk.log")
        deployment = _deploy(cdk, local, console, options.image)
        with _step(console, "scale in to zero instances"):
            deployment.scale_to_zero(local)
        progress = Bars(console) if console.is_terminal else Lines(console)
        run = process_samples(deployment, RESULTS / "results.jsonl", deadline=options.deadline, progress=progress)
        slept = None
        if options.sleep and not options.keep:
            with _step(console, "wait until the sleep alarm scales in to zero, about 20 minutes on AWS's clock"):
                slept = deployment.wait_until_asleep(_SLEEP_SECONDS / options.speed)
        if before_destroy is not None:
            before_destroy(local)
        if not options.keep:
            with _step(console, "cdk destroy"):
                deployment.empty_buckets()
                cdk.destroy()
    except BaseException:
        local.stop()
        raise
    exact = print_results(console, run, f"{RESULTS.name}/results.jsonl")
    if options.keep:
        print_next_commands(console, local)
    else:
        local.stop()
    console.print(f"The endpoint ran the image {image}.")
    summary = Summary(run.documents, run.completed, exact, run.seconds, run.woke, slept, options.speed)
    console.print(summary.line(), style="bold", soft_wrap=True)
    return 0 if run.completed == run.documents else 1


def print_next_commands(console: Console, local: LocalAws) -> None:
    """Prints commands to paste that look around in a local AWS and stop it."""
    command = shlex.quote(str(_from_root(Path(sys.prefix) / "bin" / "async-endpoint")))
    where = state_dir_arguments(_from_root(local.state_dir))
    region = os.environ["AWS_REGION"]
    console.print(
        f"Everything is still up at {local.endpoint_url}. Look around:\n"
        f"  {command} local status{where} --region {region}\n"
        f'  eval "$({command} local env{where} --region {region})"\n'
        f"  {command} run samples/receipts --stage dev\n"
        f"  {command} jobs --stage dev\n"
        f"  npx cdk diff\n"
        f"and stop it:\n"
        f"  {command} local stop{where}",
        soft_wrap=True,
    )


def parse_options(arguments: list[str] | None = None) -> Options:
    """Parses a command line; by default, this process's own."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave everything up and print how to look around")
    parser.add_argument(
        "--no-sleep", dest="sleep", action="store_false", help="do not wait until the endpoint scales in to zero"
    )
    parser.add_argument("--speed", type=float, default=20.0, help="how much faster AWS's clock runs [%(default)g]")
    parser.add_argument("--deadline", type=float, default=240.0, help="seconds to wait for all results [%(default)g]")
    parser.add_argument("--image", choices=list(IMAGES), help="the serving image [the stage's]")
    parser.add_argument(
        "--serving-env", type=Path, default=ROOT / ".venv-serving", help="the serving environment of the default image"
    )
    parser.add_argument("--state-dir", type=Path, default=STATE_DIR, help="the local AWS's folder, cleared first")
    return Options(**vars(parser.parse_args(arguments)))


def _deploy(cdk: Cdk, local: LocalAws, console: Console, image: ImageName | None) -> Deployment:
    """Synthesises, bootstraps and deploys with the CDK CLI, and points this process's AWS clients at the local AWS."""
    cdk.log.unlink(missing_ok=True)
    with _step(console, "cdk synth"):
        cdk.run("synth", "--quiet", *app_options(image))
    region = synthesised_region()
    with _step(console, "cdk bootstrap"):
        cdk.bootstrap(region)
    with _step(console, "cdk deploy, until the first instance is in service"):
        outputs = cdk.deploy(RESULTS / "outputs.json")
    os.environ.update(local.environment(region))
    return Deployment.from_outputs(outputs)


def _from_root(path: Path) -> Path:
    """A path as typed in the repository's folder, where the demo runs."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Times a step and prints it when it is done."""
    began = time.monotonic()
    with console.status(what):  # visible on terminals only
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {what}")


if __name__ == "__main__":
    main()
