"""Whether the versions of the functions' layers are available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, guarded, is_denied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.preflight.clients import Clients

LAYER = "layer"

# Of another account's layer, a version that is not there is answered like one that is not shared.
_NOT_SHARED = "no resource-based policy allows"


def check_layer(clients: Clients, arns: Sequence[str], region: str) -> Check:
    """Ask Lambda for each layer version."""
    if not arns:
        return Check(LAYER, Status.OK, "No function takes a layer.")
    return guarded(
        LAYER,
        f"lambda:GetLayerVersion on {', '.join(arns)}",
        lambda: judge_layers(arns, [arn for arn in arns if not _is_there(clients, arn)], region),
    )


def judge_layers(arns: Sequence[str], missing: Sequence[str], region: str) -> Check:
    """Decide by the layer versions that were not there."""
    elsewhere = [arn for arn in arns if arn.split(":")[3:4] != [region]]
    if elsewhere:
        message = f"{', '.join(elsewhere)} is of another region than {region}: Lambda takes none from there."
        return Check(LAYER, Status.ERROR, message, f"Name the layer's version in {region}.")
    if missing:
        layer, _, version = missing[0].rpartition(":")
        return Check(
            LAYER,
            Status.ERROR,
            f"There is no version {version} of {layer} for this account: its functions could not be created.",
            f"aws lambda get-layer-version-by-arn --arn {layer}:N --region {region}   # find an N that is there",
        )
    names = ", ".join(arn.rpartition("layer:")[2] for arn in arns)
    return Check(LAYER, Status.OK, f"{names} {'is' if len(arns) == 1 else 'are'} available.")


def _is_there(clients: Clients, arn: str) -> bool:
    if len(arn.split(":")) < 8:  # noqa: PLR2004 - arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION
        return False
    try:
        clients.functions.get_layer_version_by_arn(Arn=arn)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException" or (is_denied(error) and _NOT_SHARED in str(error)):
            return False
        raise
    return True
