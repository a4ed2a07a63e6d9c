"""A stage in a real account, or on the local AWS: deployed, used, destroyed. Never run unless asked for by `-m aws`.

Environment: `ASYNC_ENDPOINT_STAGE` (default dev) is the stage, which must not protect its data; account, region and
profile are boto3's own. `ASYNC_ENDPOINT_SPEND=yes` accepts what it costs, which is stated otherwise; the local AWS,
told by AWS_ENDPOINT_URL, costs nothing. `ASYNC_ENDPOINT_RECORDING` is the file that the recording of it all goes to.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from stacks.settings.stage import StageSettings, load_settings
from tests.aws.aws_clock import AwsClock
from tests.aws.recorder import Recorder
from tests.conformance.recording import LOCAL_AWS

ROOT = Path(__file__).resolve().parents[2]
_COMMAND_SECONDS = 3 * 3600
_LEDGER = pytest.StashKey["Ledger"]()


@dataclass
class Ledger:
    """What the run found out about AWS: a line for each fact that nobody's evidence had settled."""

    lines: list[str] = field(default_factory=list)

    def note(self, fact: str, found: str) -> None:
        self.lines.append(f"{fact}: {found}")


@dataclass(frozen=True)
class Account:
    """The deployed stage."""

    settings: StageSettings
    outputs: dict[str, str]

    def client(self, service: Any) -> Any:
        return boto3.client(service, region_name=self.settings.region)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[_LEDGER].lines:
        terminalreporter.section("what this run found out about AWS")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """The stage, deployed by `make deploy` and destroyed by `make destroy`, however the tests end."""
    stage = os.environ.get("ASYNC_ENDPOINT_STAGE", "dev")
    settings = load_settings(ROOT / "config", stage)
    if settings.termination_protection or settings.data.removal_policy != "destroy":
        pytest.exit(f"Stage {stage} protects its data, and this suite destroys what it deploys: name another.", 2)
    if "AWS_ENDPOINT_URL" not in os.environ and os.environ.get("ASYNC_ENDPOINT_SPEND") != "yes":
        pytest.exit(_price(settings), 2)
    try:
        _make("deploy", stage)
        cloudformation: Any = boto3.client("cloudformation", region_name=settings.region)
        names = [f"async-endpoint-{stage}-{part}" for part in ("foundation", "endpoint", "workflow")]
        stacks = [cloudformation.describe_stacks(StackName=name)["Stacks"][0] for name in names]
        yield Account(
            settings, {each["OutputKey"]: each["OutputValue"] for stack in stacks for each in stack["Outputs"]}
        )
    finally:
        _make("destroy", stage)


@pytest.fixture(scope="session")
def recorder(account: Account) -> Iterator[Recorder]:
    """Watches the endpoint through everything that the tests do to it."""
    local = "AWS_ENDPOINT_URL" in os.environ
    found = account.client("sagemaker").describe_endpoint(EndpointName=account.outputs["EndpointName"])
    recorder = Recorder(
        account.client,
        AwsClock.of(account.settings.region),
        endpoint=found["EndpointName"],
        variant=found["ProductionVariants"][0]["VariantName"],
        recorded_from=LOCAL_AWS if local else f"AWS, {account.settings.region}",
    )
    recorder.start()
    yield recorder
    recorder.end()


def _price(settings: StageSettings) -> str:
    minutes = settings.limits.invocation_timeout_seconds // 60
    return (
        f"This deploys stage {settings.stage} to {settings.region} and destroys it again. It runs up to "
        f"{settings.scaling.max_instances} {settings.endpoint.instance_type} for about {50 + 2 * minutes} minutes, "
        "under 2 USD for ml.g4dn.xlarge (0.7364 USD an hour in us-east-1), and cents for the rest; an interrupted run "
        "may leave an instance running: `make destroy` ends it. Set ASYNC_ENDPOINT_SPEND=yes to go on."
    )


def _make(target: str, stage: str) -> None:
    subprocess.run(
        ["make", "-s", target, f"STAGE={stage}", "YES=1"],  # noqa: S607 - make is found on PATH, as by anybody
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=_COMMAND_SECONDS,
        check=True,
    )
