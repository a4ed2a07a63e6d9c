"""Who deploys, and whether the stage's region is one that the account has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError

from async_endpoint.operations.preflight.check import AWS_ERRORS, Check, Status, code_of, guarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.operations.preflight.clients import Clients

CREDENTIALS = "credentials"
REGION = "region"

_LOG_IN = "aws sso login   # or: aws configure"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_ON = ("opt-in-not-required", "opted-in")


def check_credentials(clients: Clients, account: str | None) -> tuple[Check, str | None]:
    """Ask STS who the caller is; also answers the caller's account, None where it may not go on.

    Args:
        clients: Clients of the caller's.
        account: The account that the stacks name, if they name one.
    """
    try:
        caller = clients.sts.get_caller_identity()
    except AWS_ERRORS as error:
        return broken(error), None
    found = caller["Account"]
    if account is not None and found != account:
        message = f"The stage is of account {account}, and these credentials are of {found} ({caller['Arn']})."
        return Check(
            CREDENTIALS, Status.ERROR, message, f"export AWS_PROFILE=…   # a profile of account {account}"
        ), None
    return Check(CREDENTIALS, Status.OK, f"Account {found}, as {caller['Arn']}."), found


def broken(error: Exception) -> Check:
    """The check of credentials that the SDK cannot find or that AWS does not take, or where AWS is out of reach."""
    said = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, NoConnection | HTTPClientError):
        fix = "Look at the network, the proxy and AWS_ENDPOINT_URL."
        return Check(CREDENTIALS, Status.ERROR, f"AWS cannot be reached: {said}.", fix)
    what = "have expired" if code_of(error) in _EXPIRED else "cannot be used"
    return Check(CREDENTIALS, Status.ERROR, f"The credentials {what}: {said}.", _LOG_IN)


def check_region(clients: Clients, region: str, environment: Mapping[str, str] = os.environ) -> Check:
    """Ask EC2, which knows the regions of an account, whether the stage's is one, and turned on."""

    def asked() -> Check:
        # By its own filter, and not by RegionNames: a region that does not exist would be an error there.
        found = clients.ec2.describe_regions(AllRegions=True, Filters=[{"Name": "region-name", "Values": [region]}])[
            "Regions"
        ]
        states = {each["RegionName"]: each.get("OptInStatus", _ON[0]) for each in found}
        return judge_region(region, states.get(region), environment)

    return guarded(REGION, "ec2:DescribeRegions", asked)


def judge_region(region: str, state: str | None, environment: Mapping[str, str]) -> Check:
    """Decide by EC2's opt-in status (None: no such region) and by the region that other tools would take."""
    if state is None:
        return Check(REGION, Status.ERROR, f"There is no region {region}.", "Set another `region` in the stage's file.")
    if state not in _ON:
        return Check(
            REGION,
            Status.ERROR,
            f"Region {region} is turned off for this account.",
            f"aws account enable-region --region-name {region}",
        )
    # The AWS CLI and the SDKs in this order.
    other = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if other and other != region:
        return Check(
            REGION,
            Status.WARNING,
            f"The stage is in {region}; AWS_REGION is {other}, so commands without --region go elsewhere.",
            f"export AWS_REGION={region} AWS_DEFAULT_REGION={region}",
        )
    return Check(REGION, Status.OK, f"{region} is turned on.")
