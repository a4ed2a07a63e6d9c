"""The checks of the caller's credentials and of the stage's region."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError

from async_endpoint.operations.preflight.check import AWS_ERRORS, Check, Status, code_of, one_line, run_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.operations.preflight.clients import Clients

CREDENTIALS = "credentials"
REGION = "region"

_LOG_IN = "aws sso login   # or: aws configure"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_ENABLED = ("opt-in-not-required", "opted-in")


def check_credentials(clients: Clients, account: str | None) -> tuple[Check, str | None]:
    """Checks the credentials; also returns the caller's account, None if the check failed.

    Args:
        clients: Clients with the caller's credentials.
        account: The account that the stacks set, if any.
    """
    try:
        caller = clients.sts.get_caller_identity()
    except AWS_ERRORS as error:
        return unusable_credentials(error), None
    found = caller["Account"]
    if account is not None and found != account:
        message = f"The stage belongs to account {account}, the credentials to {found} ({caller['Arn']})."
        return Check(
            CREDENTIALS, Status.ERROR, message, f"export AWS_PROFILE=…   # a profile for account {account}"
        ), None
    return Check(CREDENTIALS, Status.OK, f"Account {found}, as {caller['Arn']}."), found


def unusable_credentials(error: Exception) -> Check:
    """Returns the check for credentials that are missing or that AWS rejects, or if AWS cannot be reached."""
    reason = one_line(error).rstrip(".")
    if isinstance(error, NoConnection | HTTPClientError):
        fix = "Check the network, the proxy and AWS_ENDPOINT_URL."
        return Check(CREDENTIALS, Status.ERROR, f"AWS cannot be reached: {reason}.", fix)
    what = "have expired" if code_of(error) in _EXPIRED else "cannot be used"
    return Check(CREDENTIALS, Status.ERROR, f"The credentials {what}: {reason}.", _LOG_IN)


def check_region(clients: Clients, region: str, environment: Mapping[str, str] = os.environ) -> Check:
    """Checks with EC2 that the stage's region exists and is enabled in the account."""

    def ask() -> Check:
        # With a filter: RegionNames would make a region that does not exist an error.
        found = clients.ec2.describe_regions(AllRegions=True, Filters=[{"Name": "region-name", "Values": [region]}])[
            "Regions"
        ]
        states = {each["RegionName"]: each.get("OptInStatus", _ENABLED[0]) for each in found}
        return judge_region(region, states.get(region), environment)

    return run_check(REGION, "ec2:DescribeRegions", ask)


def judge_region(region: str, state: str | None, environment: Mapping[str, str]) -> Check:
    """Returns the check for EC2's opt-in status (None: no such region) and the region that other tools would use."""
    if state is None:
        return Check(REGION, Status.ERROR, f"There is no region {region}.", "Set another `region` in the stage's file.")
    if state not in _ENABLED:
        return Check(
            REGION,
            Status.ERROR,
            f"Region {region} is disabled in this account.",
            f"aws account enable-region --region-name {region}",
        )
    # The order of the AWS CLI and the SDKs.
    other = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if other and other != region:
        return Check(
            REGION,
            Status.WARNING,
            f"The stage is in {region}; AWS_REGION is {other}, which commands without --region use.",
            f"export AWS_REGION={region} AWS_DEFAULT_REGION={region}",
        )
    return Check(REGION, Status.OK, f"{region} is enabled.")
