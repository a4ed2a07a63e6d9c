"""A region to show on the pages, and a stage that is deployed around its endpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.emulator.clients import AwsClients
from tests.emulator.conftest import Running
from tests.emulator.console.deployed import DeployedStage, deploy
from tests.emulator.console.test_overview import asleep
from tests.emulator.fakes import FakeRegion, fake_region


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    """A region with an endpoint at zero instances."""
    with fake_region(tmp_path) as region:
        asleep(region)
        yield region


@pytest.fixture
def deployed(running: Running) -> Iterator[DeployedStage]:
    """The stacks around the endpoint, in CloudFormation."""
    stage = deploy(running)
    yield stage
    stage.delete()


@pytest.fixture
def connected(tmp_path: Path, clients: AwsClients) -> Iterator[FakeRegion]:
    """The same region beside the services of the running local AWS."""
    with fake_region(tmp_path, clients=clients) as region:
        asleep(region)
        yield region
