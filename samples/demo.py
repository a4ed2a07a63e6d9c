"""The main job on a local AWS: deploy with the real CDK CLI, sleep at zero, wake, read the sample receipts, destroy.

Run by `make demo`. What is deployed is the app as it stands, by `cdk deploy --all`; nothing here knows how it scales.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
from rich.console import Console
from rich.table import Table

from async_endpoint.cli import RunSummary, run_folder
from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, JobState
from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.local import LocalAws, LocalAwsError
from async_endpoint.protocol import S3Location

ROOT = Path(__file__).resolve().parent.parent
RECEIPTS = ROOT / "samples" / "receipts"
RESULTS = ROOT / "demo-results"
SHOWN = 10  # documents of the table
POLL_SECONDS = 0.1
DEPLOYED_SECONDS = 900  # for any one command of the CDK CLI
SETTLE_SECONDS = 60  # for the endpoint to reach zero


class DemoError(Exception):
    """The demo cannot go on; the message is one sentence."""


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


@dataclass(frozen=True)
class Deployment:
    """What the deployed stacks say of themselves, and clients for them."""

    endpoint: str
    inputs: str
    outputs: str
    session: boto3.Session

    def variant(self) -> dict[str, Any]:
        """The endpoint's status and its one variant, as DescribeEndpoint has them."""
        described = self.session.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        return {"EndpointStatus": described["EndpointStatus"], **described["ProductionVariants"][0]}


def main() -> None:
    """Run the demo; exit status 0 when every document completed."""
    console = Console(highlight=False)
    options = _options()
    try:
        sys.exit(demo(options, console))
    except (DemoError, LocalAwsError, ContainerError, AsyncEndpointError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; everything that was started has ended.")


def demo(options: Options, console: Console) -> int:
    """Start, deploy, sleep, wake, read, destroy; returns the exit status."""
    RESULTS.mkdir(exist_ok=True)
    serving = prepare(options.serving_env, console.print)
    with _step(console, "local AWS started"):
        local = LocalAws.start(serving, state_dir=options.state_dir, speed=options.speed, tied=not options.keep)
    try:
        deployment = _deploy(local, console)
        with _step(console, "endpoint brought to zero instances, no instance process lives"):
            _sleep_at_zero(deployment, local)
        summary, woke = _read(deployment, console, options.deadline)
        if not options.keep:
            with _step(console, "stacks destroyed"):
                _destroy(local, deployment)
    except BaseException:
        if not options.keep:
            local.stop()
        raise
    if options.keep:
        _say_how_to_look_around(console, local, deployment)
    else:
        local.stop()
    exact = _show(console, summary, woke)
    completed = summary.count(JobState.COMPLETED)
    console.print(
        f"{len(summary.jobs)} documents, {completed} completed, {len(summary.jobs) - completed} failed, "
        f"{exact} exact, {summary.seconds:.1f} s, "
        f"woke from zero in {woke:.1f} s ({woke * options.speed:.0f} s on AWS's clock)",
        soft_wrap=True,
    )
    return 0 if summary.all_completed else 1


def _deploy(local: LocalAws, console: Console) -> Deployment:
    """Bootstrap and deploy with the real CDK CLI."""
    outputs_file = RESULTS / "outputs.json"
    with _step(console, "cdk synth"):
        _cdk(local, "synth", "--all", "--quiet")
    region = _region()
    with _step(console, "cdk bootstrap"):
        _cdk(local, "bootstrap", f"aws://000000000000/{region}")
    with _step(console, "cdk deploy --all, first instance serving"):
        _cdk(
            local,
            "deploy",
            "--app",
            "cdk.out",
            "--all",
            "--require-approval",
            "never",
            "--outputs-file",
            str(outputs_file),
        )
    outputs: dict[str, str] = {}
    for stack in json.loads(outputs_file.read_text(encoding="utf-8")).values():
        outputs |= stack
    variables = local.environment(region)
    os.environ.update(variables)
    session = boto3.Session(region_name=region)
    return Deployment(outputs["EndpointName"], outputs["InputBucketName"], outputs["OutputBucketName"], session)


def _region() -> str:
    """The region that the synthesised app names for its stacks."""
    manifest = json.loads((ROOT / "cdk.out" / "manifest.json").read_text(encoding="utf-8"))
    regions = {
        artifact["environment"].rpartition("/")[2]
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    if len(regions) != 1:
        raise DemoError(
            f"The stacks are for {len(regions)} regions ({', '.join(sorted(regions))}): the demo takes one."
        )
    return str(regions.pop())


def _sleep_at_zero(deployment: Deployment, local: LocalAws) -> None:
    """Bring the endpoint to zero instances and wait until neither DescribeEndpoint nor the process list shows one."""
    deployment.session.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=deployment.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": deployment.variant()["VariantName"], "DesiredInstanceCount": 0}],
    )
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        variant = deployment.variant()
        processes = psutil.Process(local.pid).children(recursive=True)
        at_zero = variant["EndpointStatus"] == "InService" and variant["CurrentInstanceCount"] == 0
        if at_zero and not processes:
            return
        if time.monotonic() > deadline:
            raise DemoError(
                f"The endpoint was not at zero after {SETTLE_SECONDS} s: {variant['EndpointStatus']}, "
                f"{variant['CurrentInstanceCount']} instances, {len(processes)} processes."
            )
        time.sleep(POLL_SECONDS)


def _read(deployment: Deployment, console: Console, deadline: float) -> tuple[RunSummary, float]:
    """Send every sample; returns the run and the seconds from the first accepted request to the first output object."""
    endpoint = AsyncEndpoint(deployment.endpoint, input_location=S3Location(deployment.inputs, "demo/"))
    progress = Bars(console) if console.is_terminal else Lines(console)
    first_output = _FirstOutput(deployment)
    first_output.start()
    try:
        summary = run_folder(RECEIPTS, endpoint, RESULTS / "results.jsonl", timeout=deadline, progress=progress)
    except AsyncEndpointError as error:
        variant = deployment.variant()
        raise DemoError(
            f"Not every document was answered within {deadline:.0f} s: the endpoint is {variant['EndpointStatus']} "
            f"with {variant['CurrentInstanceCount']} of {variant['DesiredInstanceCount']} instances. {error}"
        ) from error
    finally:
        first_output.stop()
    submitted = min(job.submitted_at for job in summary.jobs)
    return summary, (first_output.seen_at or time.time()) - submitted


class _FirstOutput(threading.Thread):
    """Notes when the first object appears in the output bucket."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(daemon=True)
        self.seen_at: float | None = None
        self._deployment = deployment
        self._stopped = threading.Event()

    def run(self) -> None:
        s3 = self._deployment.session.client("s3")
        while not self._stopped.wait(POLL_SECONDS):
            if s3.list_objects_v2(Bucket=self._deployment.outputs, MaxKeys=1).get("KeyCount"):
                self.seen_at = time.time()
                return

    def stop(self) -> None:
        """Look no longer."""
        self._stopped.set()
        self.join()


def _show(console: Console, summary: RunSummary, woke: float) -> int:
    """Print the first documents beside their answers, and the summary; returns how many were read exactly."""
    expected = {
        row["file"]: {field: row[field] for field in ("store", "date", "total")}
        for row in map(json.loads, (RECEIPTS / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    }
    table = Table("document", "on the receipt", "answer", "")
    exact = 0
    for number, job in enumerate(summary.jobs):
        name = Path(job.document).name
        read = job.answer.json()["predictions"][0] if job.answer else {"": str(job.error)}
        matches = read == expected[name]
        exact += matches
        if number < SHOWN:
            table.add_row(
                name, " · ".join(expected[name].values()), " · ".join(map(str, read.values())), "✓" if matches else "✗"
            )
    console.print(table)
    serving = summary.seconds - woke
    console.print(
        f"{summary}\n"
        f"of which {woke:.1f} s waiting for the first instance; then {serving:.1f} s, "
        f"{serving / len(summary.jobs):.2f} s a document. Each full answer: {RESULTS.name}/results.jsonl",
        soft_wrap=True,
    )
    return exact


def _destroy(local: LocalAws, deployment: Deployment) -> None:
    """Empty the buckets, which AWS would otherwise refuse to delete, and destroy the stacks."""
    s3 = deployment.session.resource("s3")
    for bucket in (deployment.inputs, deployment.outputs):
        s3.Bucket(bucket).object_versions.delete()
    _cdk(local, "destroy", "--app", "cdk.out", "--all", "--force")


def _say_how_to_look_around(console: Console, local: LocalAws, deployment: Deployment) -> None:
    bin_dir = Path(sys.executable).parent.relative_to(ROOT)
    console.print(
        f"Everything is still up at {local.endpoint_url}. Look around:\n"
        f"  {bin_dir}/async-endpoint local status --region {deployment.session.region_name}\n"
        f"  {bin_dir}/async-endpoint local exec --region {deployment.session.region_name} -- "
        f"{bin_dir}/async-endpoint run samples/receipts --stack async-endpoint-dev-endpoint\n"
        f"and end it:\n"
        f"  {bin_dir}/async-endpoint local stop",
        soft_wrap=True,
    )


def _cdk(local: LocalAws, *arguments: str) -> None:
    """Run the CDK CLI of this repository against the local AWS; what it prints goes to demo-results/cdk.log."""
    command = ["npx", "cdk", *arguments, "--no-notices", "--progress", "events"]
    environment = local.client_environment(os.environ) | {"CI": "true"}
    with (RESULTS / "cdk.log").open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        began = log.tell()
        finished = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            timeout=DEPLOYED_SECONDS,
            check=False,
        )
    if finished.returncode:
        said = (RESULTS / "cdk.log").read_bytes()[began:].decode(errors="replace").strip().splitlines()
        raise DemoError(f"cdk {arguments[0]} failed ({RESULTS.name}/cdk.log has it all):\n" + "\n".join(said[-15:]))


@contextmanager
def _step(console: Console, done: str) -> Iterator[None]:
    """Time a step and say when it is done."""
    began = time.monotonic()
    if console.is_terminal:
        with console.status(f"{done} …"):
            yield
    else:
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {done}")


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything up and say how to look around")
    parser.add_argument("--speed", type=float, default=20.0, help="how much faster AWS's clock runs [%(default)g]")
    parser.add_argument("--deadline", type=float, default=240.0, help="seconds to wait for all answers [%(default)g]")
    parser.add_argument("--serving-env", type=Path, default=ROOT / ".venv-serving", help="the serving environment")
    parser.add_argument("--state-dir", type=Path, default=ROOT / ".local-aws", help="the local AWS's folder")
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
