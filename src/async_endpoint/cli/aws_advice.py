"""What to do about an error of AWS that is the same for every command: no region, no credentials, no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore import exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREDENTIALS = "Log in by `aws sso login`, or name a profile by --profile or AWS_PROFILE."
_ADVICE: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.NoRegionError,), "Name it by --region or AWS_DEFAULT_REGION."),
    (
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.SSOError,
            exceptions.TokenRetrievalError,
        ),
        _CREDENTIALS,
    ),
    ((exceptions.ProfileNotFound,), "`aws configure list-profiles` lists the profiles of this machine."),
    ((exceptions.ConnectionError, exceptions.HTTPClientError), "Check the network, the proxy and AWS_ENDPOINT_URL."),
)
_ADVICE_BY_CODE = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), _CREDENTIALS),
    "RequestTimeTooSkewed": "Set the clock of this machine.",
}


def with_advice(message: str, error: BaseException | None) -> str:
    """Returns an error message, followed by the advice for its cause; unchanged if there is none.

    Args:
        message: What was in vain, and why.
        error: The error behind it; those that caused it count, too.
    """
    for each in _causes(error):
        if advice := _advice_for(each):
            return f"{ended(message)} {advice}"
    return message


def ended(text: str) -> str:
    """Returns a text that ends as a sentence: the texts of boto3 and of AWS often have no full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _advice_for(error: BaseException) -> str | None:
    if isinstance(error, exceptions.ClientError):
        return _ADVICE_BY_CODE.get(error.response.get("Error", {}).get("Code", ""))
    return next((advice for kinds, advice in _ADVICE if isinstance(error, kinds)), None)
