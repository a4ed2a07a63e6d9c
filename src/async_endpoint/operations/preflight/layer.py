"""The check of the functions' layers: each version is available to the account, in the stage's region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, is_denied, run_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.preflight.clients import Clients

LAYER = "layer"

# For another account's layer, Lambda reports a missing version as one that is not shared.
_NOT_SHARED = "no resource-based policy allows"
_ARN_PARTS = 8  # arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION


def check_layer(clients: Clients, arns: Sequence[str], region: str) -> Check:
    """Checks each layer version with Lambda."""
    if not arns:
        return Check(LAYER, Status.OK, "No function uses a layer.")
    return run_check(
        LAYER,
        f"lambda:GetLayerVersion on {', '.join(arns)}",
        lambda: judge_layers(arns, [arn for arn in arns if not _exists(clients, arn)], region),
    )


def judge_layers(arns: Sequence[str], missing: Sequence[str], region: str) -> Check:
    """Returns the check for the layer versions that were not found."""
    elsewhere = [arn for arn in arns if arn.split(":")[3:4] != [region]]
    if elsewhere:
        message = (
            f"{', '.join(elsewhere)} is in another region than {region}: Lambda uses layers from its own region only."
        )
        return Check(LAYER, Status.ERROR, message, f"Use the layer's version in {region}.")
    if missing:
        layer, _, version = missing[0].rpartition(":")
        return Check(
            LAYER,
            Status.ERROR,
            f"There is no version {version} of {layer} for this account: the functions that use it cannot be created.",
            f"aws lambda get-layer-version-by-arn --arn {layer}:N --region {region}   # find a version N that exists",
        )
    names = ", ".join(arn.rpartition("layer:")[2] for arn in arns)
    return Check(LAYER, Status.OK, f"{names} {'is' if len(arns) == 1 else 'are'} available.")


def _exists(clients: Clients, arn: str) -> bool:
    if len(arn.split(":")) < _ARN_PARTS:
        return False
    try:
        clients.functions.get_layer_version_by_arn(Arn=arn)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException" or (is_denied(error) and _NOT_SHARED in str(error)):
            return False
        raise
    return True
