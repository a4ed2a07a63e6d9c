"""The main job on a local AWS: deploy with the real CDK CLI, wake, process the sample receipts, sleep, destroy.

Run by `make demo`. What is deployed is the app as it stands, by `cdk deploy --all`; nothing here knows how it scales.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import AsyncEndpointError, RunInterrupted
from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.launcher import LocalAws, LocalAwsError, state_dir_arguments
from demo.deployment import ROOT, Cdk, Deployment, DeploymentError, synthesised_region
from demo.reading import RECEIPTS, Reading, read_samples

RESULTS = ROOT / "demo-results"
STATE_DIR = ROOT / ".local-aws-demo"  # its own: a demo begins by forgetting what the folder holds
SHOWN = 10  # documents of the table
_SLEEP_SECONDS = 45 * 60  # of AWS's clock; half of it is usual


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        keep: Leave everything up at the end, awake.
        sleep: Wait until the endpoint falls asleep by itself.
        speed: How many times faster than the wall AWS's clock runs.
        deadline: Seconds to wait for all answers.
        serving_env: The serving environment's folder.
        state_dir: The local AWS's folder.
    """

    keep: bool
    sleep: bool
    speed: float
    deadline: float
    serving_env: Path
    state_dir: Path


def main() -> None:
    """Run the demo; exit status 0 when every document completed."""
    try:
        sys.exit(demo(_options(), Console(highlight=False)))
    except (DeploymentError, LocalAwsError, ContainerError, AsyncEndpointError) as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, RunInterrupted):
        sys.exit("Interrupted; everything that was started has ended.")


def demo(options: Options, console: Console) -> int:
    """Start, deploy, wake, process, fall asleep, destroy; returns the exit status."""
    RESULTS.mkdir(exist_ok=True)
    serving = prepare(options.serving_env, console.print)
    with _step(console, "start the local AWS"):
        # Tied: should this process vanish, the local AWS and all that it started go with it.
        local = LocalAws.start(
            serving, state_dir=options.state_dir, speed=options.speed, fresh=True, tied=not options.keep
        )
    try:
        cdk = Cdk(local, RESULTS / "cdk.log")
        deployment = _deploy(cdk, local, console)
        with _step(console, "bring the endpoint to zero: no instance, no process of one"):
            deployment.sleep_at_zero(local)
        progress = Bars(console) if console.is_terminal else Lines(console)
        reading = read_samples(deployment, RESULTS / "results.jsonl", deadline=options.deadline, progress=progress)
        slept = None
        if options.sleep and not options.keep:
            with _step(console, "wait until the endpoint falls asleep by itself, some 22 minutes on AWS's clock"):
                slept = deployment.wait_until_asleep(_SLEEP_SECONDS / options.speed)
        if not options.keep:
            with _step(console, "cdk destroy"):
                deployment.empty_buckets()
                cdk.destroy()
    except BaseException:
        local.stop()
        raise
    exact = _show(console, reading)
    if options.keep:
        _say_how_to_look_around(console, local)
    else:
        local.stop()
    documents, completed, woke = reading.documents, reading.completed, reading.woke
    console.print(
        f"{documents} documents, {completed} completed, {documents - completed} failed, {exact} exact, "
        f"{reading.seconds:.1f} s, woke from zero in {woke:.1f} s ({woke * options.speed:.0f} s on AWS's clock)"
        + (f", asleep again after {slept:.1f} s ({slept * options.speed:.0f} s)" if slept is not None else ""),
        soft_wrap=True,
    )
    return 0 if completed == documents else 1


def _deploy(cdk: Cdk, local: LocalAws, console: Console) -> Deployment:
    """Synthesise, bootstrap and deploy with the real CDK CLI, and point this process's AWS clients at the result."""
    cdk.log.unlink(missing_ok=True)
    with _step(console, "cdk synth"):
        cdk.run("synth", "--quiet")
    region = synthesised_region()
    with _step(console, "cdk bootstrap"):
        cdk.bootstrap(region)
    with _step(console, "cdk deploy, until the first instance serves"):
        outputs = cdk.deploy(RESULTS / "outputs.json")
    os.environ.update(local.environment(region))
    return Deployment.of(outputs)


def _show(console: Console, reading: Reading) -> int:
    """Print the first documents beside their answers, and the summary; returns how many were read exactly."""
    expected = {
        row.pop("file"): row
        for row in map(json.loads, (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    }
    by_inbox = sum(result.completed for result in reading.by_inbox)
    console.print(f"{by_inbox} of {len(reading.by_inbox)} documents of the inbox are COMPLETED in the jobs table.")
    table = Table("document", "on the receipt", "answer", "exact")
    exact = 0
    for number, (document, answer) in enumerate(reading.answers()):
        on_receipt = expected[document]
        read = json.loads(answer)["predictions"][0] if answer else {"error": "no answer"}
        matches = read == on_receipt
        exact += matches
        if number < SHOWN:
            table.add_row(document, _in_words(on_receipt), _in_words(read), "yes" if matches else "no")
    console.print(table)
    serving = reading.seconds - reading.woke
    console.print(
        f"{reading.documents} documents in {reading.seconds:.1f} s: {reading.woke:.1f} s until the first answer, then "
        f"{serving:.1f} s, {serving / reading.documents:.2f} s a document. "
        f"Each full answer is in {RESULTS.name}/results.jsonl.",
        soft_wrap=True,
    )
    return exact


def _in_words(fields: Mapping[str, Any]) -> str:
    """A receipt's fields in one line, its items at the end: `MINT GRILL · 2022-02-04 · 4.10 · TEA 4.10`."""
    items = fields.get("items", [])
    texts = [str(value) for name, value in fields.items() if name != "items"]
    return " · ".join([*texts, ", ".join(" ".join(map(str, item.values())) for item in items)])


def _say_how_to_look_around(console: Console, local: LocalAws) -> None:
    command = shlex.quote(str(_from_root(Path(sys.prefix) / "bin" / "async-endpoint")))
    where = state_dir_arguments(_from_root(local.state_dir))
    region = os.environ["AWS_REGION"]
    console.print(
        f"Everything is still up at {local.endpoint_url}. Look around:\n"
        f"  {command} local status{where} --region {region}\n"
        f'  eval "$({command} local env{where} --region {region})"\n'
        f"  {command} run samples/receipts --stack async-endpoint-dev-endpoint\n"
        f"  {command} jobs --stack async-endpoint-dev-workflow\n"
        f"  npx cdk diff\n"
        f"and end it:\n"
        f"  {command} local stop{where}",
        soft_wrap=True,
    )


def _from_root(path: Path) -> Path:
    """A path as one types it in the repository's folder, from where the demo is run."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Time a step and say so when it is done."""
    began = time.monotonic()
    with console.status(what):  # shown on terminals only
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {what}")


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m demo.__main__", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave everything up and say how to look around")
    parser.add_argument(
        "--no-sleep", dest="sleep", action="store_false", help="do not wait until the endpoint falls asleep by itself"
    )
    parser.add_argument("--speed", type=float, default=20.0, help="how much faster AWS's clock runs [%(default)g]")
    parser.add_argument("--deadline", type=float, default=240.0, help="seconds to wait for all answers [%(default)g]")
    parser.add_argument("--serving-env", type=Path, default=ROOT / ".venv-serving", help="the serving environment")
    parser.add_argument("--state-dir", type=Path, default=STATE_DIR, help="the local AWS's folder, forgotten first")
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
