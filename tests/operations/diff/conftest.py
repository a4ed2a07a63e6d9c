from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from tests.operations.diff.repository import Repository
from tests.operations.diff.stack import BASE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.operations.diff.stack import Template


@pytest.fixture
def head() -> Template:
    """A copy of the stack's template, to change."""
    return copy.deepcopy(BASE)


@pytest.fixture
def base() -> Template:
    """Another copy, to change what is deployed."""
    return copy.deepcopy(BASE)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository.create(tmp_path, monkeypatch)
