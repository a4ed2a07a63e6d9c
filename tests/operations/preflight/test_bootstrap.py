"""The bootstrap must exist, in a recent enough version."""

from __future__ import annotations

import pytest

from async_endpoint.operations.preflight.assembly import Bootstrap
from async_endpoint.operations.preflight.bootstrap import judge_bootstrap
from async_endpoint.operations.preflight.check import Status
from tests.operations.preflight.fakes import ACCOUNT, REGION

OK, ERROR = Status.OK, Status.ERROR


@pytest.mark.parametrize(("version", "status"), [("6", OK), ("32", OK), ("5", ERROR), ("new", ERROR), (None, ERROR)])
def test_a_bootstrap_must_be_recent_enough(version: str | None, status: Status) -> None:
    check = judge_bootstrap(Bootstrap("/p", 6), version, f"aws://{ACCOUNT}/{REGION}")
    assert check.status is status
    assert check.fix == (None if status is OK else f"npx cdk bootstrap aws://{ACCOUNT}/{REGION}")
