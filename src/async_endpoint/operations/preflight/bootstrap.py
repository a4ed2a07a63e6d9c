"""The check of the CDK bootstrap: it exists in the account and region, in a recent enough version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, run_check

if TYPE_CHECKING:
    from async_endpoint.operations.preflight.assembly import Bootstrap
    from async_endpoint.operations.preflight.clients import Clients

BOOTSTRAP = "bootstrap"


def check_bootstrap(clients: Clients, wanted: Bootstrap | None, *, account: str, region: str) -> Check:
    """Checks the version that the bootstrap stores in Systems Manager."""
    if wanted is None:
        return Check(BOOTSTRAP, Status.OK, "No stack requires a bootstrap.")

    def ask() -> Check:
        try:
            version = clients.ssm.get_parameter(Name=wanted.parameter)["Parameter"]["Value"]
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise
            version = None
        return judge_bootstrap(wanted, version, f"aws://{account}/{region}")

    return run_check(BOOTSTRAP, "ssm:GetParameter", ask)


def judge_bootstrap(wanted: Bootstrap, version: str | None, environment: str) -> Check:
    """Returns the check for the version that was found; None if there is no bootstrap."""
    fix = f"npx cdk bootstrap {environment}"
    if version is None:
        message = f"{environment} is not bootstrapped for the CDK: there is no parameter {wanted.parameter}."
        return Check(BOOTSTRAP, Status.ERROR, message, fix)
    if not version.isdecimal() or int(version) < wanted.version:
        message = f"The bootstrap has version {version}; the stacks need {wanted.version} or later."
        return Check(BOOTSTRAP, Status.ERROR, message, fix)
    return Check(BOOTSTRAP, Status.OK, f"Version {version}; the stacks need {wanted.version}.")
