"""This repository's app on a local AWS, deployed by the CDK CLI: shared by the demo and the end-to-end tests."""

import json
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psutil
from botocore.exceptions import ClientError

from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName, ServingImage, image_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef, ProductionVariantSummaryTypeDef

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "000000000000"

_POLL_SECONDS = 0.1
_COMMAND_SECONDS = 900  # for any one command of the CDK CLI
_SETTLE_SECONDS = 300  # for the endpoint to change its instance count
_LINES_SHOWN = 15


def stage_image() -> ServingImage:
    """Returns the image of the stage dev, which is what the app deploys by itself.

    Raises:
        DeploymentError: It is an image of one's own, which no local AWS has.
    """
    place = ROOT / "config" / "dev.toml"
    named = tomllib.loads(place.read_text(encoding="utf-8"))["endpoint"].get("image", DEFAULT_IMAGE)
    image = IMAGES.get(named) or image_of(named)
    if image is None:
        raise DeploymentError(f"{place} has the image {named}, which no local AWS has: choose another with --image.")
    return image


def app_options(image: ImageName | None) -> list[str]:
    """Returns the options of the CDK CLI that synthesise the stage dev with another image; none for its own."""
    return [] if image is None else ["-c", f"image={image}"]


def copied_app(folder: Path) -> Path:
    """Copies what a synth reads, without models and stages, into a new folder; returns the path of its app.py."""
    folder.mkdir()
    leave_out = shutil.ignore_patterns("__pycache__", "training", "my_model")
    for name in ("stacks", "model_artifacts", "lambda", "src/async_endpoint/protocol"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    (folder / "config").mkdir()
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    return folder / "app.py"


class DeploymentError(Exception):
    """The app could not be deployed, or its endpoint did not reach the expected state; the message says why."""


class Cdk:
    """The CDK CLI of this repository, pointed at a local AWS.

    Args:
        local: The local AWS that it deploys to.
        log: The file to which its output is appended.
        app: Folder of a synthesised app, or a command that synthesises one; the folder is faster for several commands.
    """

    def __init__(self, local: LocalAws, log: Path, app: str = "cdk.out") -> None:
        self.log = log
        self._environment = local.client_environment(os.environ) | {"CI": "true"}
        self.app = app

    def run(self, *arguments: str) -> str:
        """Runs one command and returns its output.

        Raises:
            DeploymentError: npx is missing, or the exit status is not 0; the message contains the last lines of output.
        """
        npx = shutil.which("npx")
        if npx is None:
            raise DeploymentError("npx is not on the PATH: install Node 20 or later with npm.")
        finished = subprocess.run(
            [npx, "cdk", *arguments, "--no-notices"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ cdk {' '.join(arguments)}\n{finished.stdout}\n")
        if finished.returncode:
            last_lines = "\n".join(finished.stdout.strip().splitlines()[-_LINES_SHOWN:])
            raise DeploymentError(f"cdk {arguments[0]} failed ({self.log} has the whole output):\n{last_lines}")
        return finished.stdout

    @property
    def _app_options(self) -> list[str]:
        options = ["--app", self.app]
        if not (ROOT / self.app).is_dir():  # the CLI locks its output folder: each of several at work has its own
            options += ["--output", str(self.log.with_suffix(".out"))]
        return options

    def bootstrap(self, region: str) -> None:
        """Creates the bucket and the roles that deployments need."""
        self.run("bootstrap", *self._app_options, f"aws://{ACCOUNT}/{region}")

    def deploy(self, outputs: Path) -> dict[str, str]:
        """Deploys every stack; returns the outputs of all, and has the CLI write them to `outputs`."""
        self.run(
            "deploy", *self._app_options, "--all", "--require-approval", "never",
            "--progress", "events", "--outputs-file", str(outputs),
        )  # fmt: skip
        stacks: Mapping[str, dict[str, str]] = json.loads(outputs.read_text(encoding="utf-8"))
        return {name: value for stack in stacks.values() for name, value in stack.items()}

    def destroy(self) -> None:
        """Destroys every stack."""
        self.run("destroy", *self._app_options, "--all", "--force")


@dataclass(frozen=True)
class Deployment:
    """The deployed app. The process's environment points at the local AWS; see `LocalAws.environment`.

    Attributes:
        endpoint: The endpoint's name.
        inputs: The input bucket.
        outputs: The output bucket.
        success_topic: ARN.
        error_topic: ARN.
        jobs_table: The name of the table with the outcome of each document.
        inbox: The `s3://` prefix below which an uploaded document is processed.
    """

    endpoint: str
    inputs: str
    outputs: str
    success_topic: str
    error_topic: str
    jobs_table: str
    inbox: str

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str]) -> "Deployment":
        """Takes the names from the stacks' outputs."""
        names = ("EndpointName", "InputBucketName", "OutputBucketName", "SuccessTopicArn", "ErrorTopicArn")
        return cls(*(outputs[name] for name in (*names, "JobsTableName", "InboxLocation")))

    def describe(self) -> "DescribeEndpointOutputTypeDef":
        """Calls DescribeEndpoint."""
        return boto3.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)

    def variant(self) -> "ProductionVariantSummaryTypeDef":
        """The endpoint's one variant."""
        return self.describe()["ProductionVariants"][0]

    def scale_to_zero(self, local: LocalAws) -> None:
        """Scales the endpoint in to zero; returns when it reports no instance and no process of one is left.

        Raises:
            DeploymentError: That took longer than five minutes.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        requested = False
        while True:
            status, count = self.describe()["EndpointStatus"], self.variant()["CurrentInstanceCount"]
            processes = _instance_processes(local)
            if requested and (status, count) == ("InService", 0) and not processes:
                return
            if not requested and status == "InService":
                requested = self._request_zero()
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"Endpoint {self.endpoint} was not at zero after {_SETTLE_SECONDS} s: it is {status} with {count} "
                    f"instances and {len(processes)} processes."
                )
            time.sleep(_POLL_SECONDS)

    def _request_zero(self) -> bool:
        """Requests zero instances; False while another change of the endpoint is in progress."""
        try:
            boto3.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=self.endpoint,
                DesiredWeightsAndCapacities=[{"VariantName": self.variant()["VariantName"], "DesiredInstanceCount": 0}],
            )
        except ClientError as error:
            if "Cannot update in-progress endpoint" in error.response["Error"]["Message"]:
                return False
            raise
        return True

    def wait_until_asleep(self, seconds: float) -> float:
        """Waits until scaling has stopped every instance; returns the seconds that it took.

        Raises:
            DeploymentError: It took longer than `seconds`; the message says what the endpoint does.
        """
        began = time.monotonic()
        while True:
            described = self.describe()
            status, count = described["EndpointStatus"], described["ProductionVariants"][0]["CurrentInstanceCount"]
            took = time.monotonic() - began
            if (status, count) == ("InService", 0):
                return took
            if took > seconds:
                raise DeploymentError(
                    f"Endpoint {self.endpoint} did not scale in to zero within {seconds:.0f} s: it is {status} with "
                    f"{count} instances. Look at the sleep alarm and the scaling activities."
                )
            time.sleep(_POLL_SECONDS)

    def empty_buckets(self) -> None:
        """Deletes every version of every object: AWS deletes only empty buckets."""
        s3 = boto3.resource("s3")
        for bucket in (self.inputs, self.outputs):
            s3.Bucket(bucket).object_versions.delete()


def _instance_processes(local: LocalAws) -> list[psutil.Process]:
    """The root process of each instance: its container's supervisor."""
    children = psutil.Process(local.pid).children(recursive=True)
    return [process for process in children if any(part.endswith("supervisor.py") for part in _command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def synthesised_region(assembly: Path = ROOT / "cdk.out") -> str:
    """The region of a synthesised app's stacks.

    Raises:
        DeploymentError: The stacks have several regions, or there is no stack.
    """
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    regions = {
        artifact["environment"].rpartition("/")[2]
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    if len(regions) != 1:
        raise DeploymentError(f"The stacks are for {len(regions)} regions ({', '.join(sorted(regions))}), not for one.")
    return str(regions.pop())
