from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.fakes import FakeRegion, fake_region


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        yield region
