"""The main job on a local AWS: deploy with the real CDK CLI, sleep at zero, wake, read the sample receipts, destroy.

Run by `make demo`. What is deployed is the app as it stands, by `cdk deploy --all`; nothing here knows how it scales.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from rich.console import Console
from rich.table import Table

from async_endpoint.cli import RunInterrupted, RunSummary, run_folder
from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, JobState
from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.local import LocalAws, LocalAwsError
from async_endpoint.protocol import S3Location
from samples.deployment import ROOT, Cdk, Deployment, DeploymentError, synthesised_region

RECEIPTS = ROOT / "samples" / "receipts"
RESULTS = ROOT / "demo-results"
SHOWN = 10  # documents of the table
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        keep: Leave everything up at the end.
        speed: How many times faster than the wall AWS's clock runs.
        deadline: Seconds to wait for all answers.
        serving_env: The serving environment's folder.
        state_dir: The local AWS's folder.
    """

    keep: bool
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
    """Start, deploy, sleep, wake, read, destroy; returns the exit status."""
    RESULTS.mkdir(exist_ok=True)
    serving = prepare(options.serving_env, console.print)
    with _step(console, "start the local AWS"):
        # Tied: should this process vanish, the local AWS and all that it started go with it.
        local = LocalAws.start(serving, state_dir=options.state_dir, speed=options.speed, tied=not options.keep)
    try:
        cdk = Cdk(local, RESULTS / "cdk.log")
        deployment = _deploy(cdk, local, console)
        with _step(console, "bring the endpoint to zero: no instance, no process of one"):
            deployment.sleep_at_zero(local)
        summary, woke = _read(deployment, console, options.deadline)
        if not options.keep:
            with _step(console, "cdk destroy"):
                deployment.empty_buckets()
                cdk.destroy()
    except BaseException:
        local.stop()
        raise
    exact = _show(console, summary, woke)
    if options.keep:
        _say_how_to_look_around(console, local)
    else:
        local.stop()
    completed = summary.count(JobState.COMPLETED)
    console.print(
        f"{len(summary.jobs)} documents, {completed} completed, {len(summary.jobs) - completed} failed, "
        f"{exact} exact, {summary.seconds:.1f} s, "
        f"woke from zero in {woke:.1f} s ({woke * options.speed:.0f} s on AWS's clock)",
        soft_wrap=True,
    )
    return 0 if summary.all_completed else 1


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


def _read(deployment: Deployment, console: Console, deadline: float) -> tuple[RunSummary, float]:
    """Send every sample; returns the run and the seconds from the first accepted request to the first output object."""
    endpoint = AsyncEndpoint(deployment.endpoint, input_location=S3Location(deployment.inputs, "demo/"))
    progress = Bars(console) if console.is_terminal else Lines(console)
    first_output = _FirstOutput(deployment.outputs)
    first_output.start()
    try:
        summary = run_folder(RECEIPTS, endpoint, RESULTS / "results.jsonl", timeout=deadline, progress=progress)
    except AsyncEndpointError as error:
        status, variant = deployment.describe()["EndpointStatus"], deployment.variant()
        raise DeploymentError(
            f"Not every document was answered within {deadline:.0f} s: the endpoint is {status} with "
            f"{variant['CurrentInstanceCount']} of {variant['DesiredInstanceCount']} instances. {error}"
        ) from error
    finally:
        first_output.stop()
    submitted = min(job.submitted_at for job in summary.jobs)
    return summary, (first_output.seen_at or time.monotonic()) - submitted


class _FirstOutput(threading.Thread):
    """Notes when the first object appears in a bucket, on the clock that jobs use."""

    def __init__(self, bucket: str) -> None:
        super().__init__(daemon=True)
        self.seen_at: float | None = None
        self._bucket = bucket
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until there is one."""
        s3 = boto3.client("s3")
        while not self._stopped.wait(POLL_SECONDS):
            if s3.list_objects_v2(Bucket=self._bucket, MaxKeys=1)["KeyCount"]:
                self.seen_at = time.monotonic()
                return

    def stop(self) -> None:
        """Look no longer."""
        self._stopped.set()
        self.join()


def _show(console: Console, summary: RunSummary, woke: float) -> int:
    """Print the first documents beside their answers, and the summary; returns how many were read exactly."""
    expected = {
        row.pop("file"): row
        for row in map(json.loads, (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    }
    table = Table("document", "on the receipt", "answer", "exact")
    exact = 0
    for number, job in enumerate(summary.jobs):
        on_receipt = expected[Path(job.document).name]
        read = job.answer.json()["predictions"][0] if job.answer else {"error": str(job.error)}
        matches = read == on_receipt
        exact += matches
        if number < SHOWN:
            cells = (" · ".join(map(str, fields.values())) for fields in (on_receipt, read))
            table.add_row(Path(job.document).name, *cells, "yes" if matches else "no")
    console.print(table)
    serving = summary.seconds - woke
    console.print(
        f"{summary}: {woke:.1f} s until the first answer, then {serving:.1f} s, "
        f"{serving / len(summary.jobs):.2f} s a document. Each full answer is in {RESULTS.name}/results.jsonl.",
        soft_wrap=True,
    )
    return exact


def _say_how_to_look_around(console: Console, local: LocalAws) -> None:
    bin_dir = Path(sys.prefix).relative_to(ROOT) / "bin"
    region = os.environ["AWS_REGION"]
    console.print(
        f"Everything is still up at {local.endpoint_url}. Look around:\n"
        f"  {bin_dir}/async-endpoint local status --region {region}\n"
        f'  eval "$({bin_dir}/async-endpoint local env --region {region})"\n'
        f"  {bin_dir}/async-endpoint run samples/receipts --stack async-endpoint-dev-endpoint\n"
        f"  npx cdk diff\n"
        f"and end it:\n"
        f"  {bin_dir}/async-endpoint local stop",
        soft_wrap=True,
    )


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Time a step and say so when it is done."""
    began = time.monotonic()
    with console.status(what):  # shown on terminals only
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {what}")


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m samples.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave everything up and say how to look around")
    parser.add_argument("--speed", type=float, default=20.0, help="how much faster AWS's clock runs [%(default)g]")
    parser.add_argument("--deadline", type=float, default=240.0, help="seconds to wait for all answers [%(default)g]")
    parser.add_argument("--serving-env", type=Path, default=ROOT / ".venv-serving", help="the serving environment")
    parser.add_argument("--state-dir", type=Path, default=ROOT / ".local-aws", help="the local AWS's folder")
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
