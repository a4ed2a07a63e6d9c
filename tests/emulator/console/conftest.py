"""A region to show on the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.console.test_overview import asleep
from tests.emulator.fakes import FakeRegion, fake_region


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    """A region with an endpoint at zero instances."""
    with fake_region(tmp_path) as region:
        asleep(region)
        yield region
