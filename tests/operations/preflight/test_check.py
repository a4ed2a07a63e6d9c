"""A request that fails is a warning, which says why."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError

from async_endpoint.operations.preflight.check import Check, Status, run_check
from tests.operations.preflight.fakes import client_error


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (client_error("AccessDeniedException"), "Grant ssm:GetParameter to the caller."),
        (client_error("403"), "Grant ssm:GetParameter to the caller."),
        (client_error("ThrottlingException"), "Run preflight again."),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "Run preflight again."),
    ],
)
def test_a_request_that_fails_is_a_warning(error: Exception, fix: str) -> None:
    def ask() -> Check:
        raise error

    check = run_check("bootstrap", "ssm:GetParameter", ask)
    assert (check.status, check.fix) == (Status.WARNING, fix)
    assert "not checked" in check.message
