"""The credentials must be usable and belong to the stage's account; the region must be enabled."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from async_endpoint.operations.preflight import identity
from async_endpoint.operations.preflight.check import Status
from tests.operations.preflight.fakes import ACCOUNT, REGION, client_error

OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


@pytest.mark.parametrize(
    ("state", "environment", "status", "fix"),
    [
        ("opted-in", {}, OK, None),
        ("opt-in-not-required", {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": "us-east-1"}, OK, None),
        ("opt-in-not-required", {"AWS_DEFAULT_REGION": "us-east-1"}, WARNING, f"export AWS_REGION={REGION}"),
        ("not-opted-in", {}, ERROR, f"aws account enable-region --region-name {REGION}"),
        (None, {}, ERROR, "Set another `region`"),
    ],
)
def test_a_region_must_be_enabled(
    state: str | None, environment: dict[str, str], status: Status, fix: str | None
) -> None:
    check = identity.judge_region(REGION, state, environment)
    assert check.status is status
    assert (check.fix or "").startswith(fix or "")
    assert (check.fix is None) == (fix is None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "cannot be used: Unable to locate credentials."),
        (client_error("ExpiredToken"), "have expired"),
        (client_error("InvalidClientTokenId"), "cannot be used"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "AWS cannot be reached"),
    ],
)
def test_unusable_credentials_are_an_error(error: Exception, says: str) -> None:
    class Sts:
        sts: Any

        def get_caller_identity(self) -> None:
            raise error

    clients = Sts()
    clients.sts = clients
    check, account = identity.check_credentials(clients, None)  # type: ignore[arg-type]
    assert (check.status, account) == (ERROR, None)
    assert says in check.message


@pytest.mark.parametrize(("named", "status"), [(None, OK), (ACCOUNT, OK), ("999999999999", ERROR)])
def test_credentials_must_belong_to_the_account_that_the_stacks_set(named: str | None, status: Status) -> None:
    class Sts:
        sts: Any

        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": ACCOUNT, "Arn": "arn:me"}

    clients = Sts()
    clients.sts = clients
    check, account = identity.check_credentials(clients, named)  # type: ignore[arg-type]
    assert check.status is status
    assert account == (ACCOUNT if status is OK else None)
