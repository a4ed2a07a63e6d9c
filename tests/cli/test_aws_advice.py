"""What to do about an error of AWS stands after its text, whichever command met it."""

from __future__ import annotations

import pytest
from botocore import exceptions
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.cli.aws_advice import ended, with_advice

EXPIRED = exceptions.ClientError(
    {"Error": {"Code": "ExpiredToken", "Message": "The provided token has expired."}}, "ListObjectsV2"
)
SKEWED = exceptions.ClientError({"Error": {"Code": "RequestTimeTooSkewed", "Message": "Too large"}}, "PutObject")
DENIED = exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "ListObjectsV2")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (exceptions.NoRegionError(), "Name it by --region or AWS_DEFAULT_REGION."),
        (exceptions.NoCredentialsError(), "Log in by `aws sso login`, or name a profile by --profile or AWS_PROFILE."),
        (exceptions.UnauthorizedSSOTokenError(), "Log in by `aws sso login`, or name a profile by --profile"),
        (EXPIRED, "Log in by `aws sso login`"),
        (SKEWED, "Set the clock of this machine."),
        (exceptions.ProfileNotFound(profile="other"), "`aws configure list-profiles` lists the profiles"),
        (exceptions.ConnectTimeoutError(endpoint_url="http://10.0.0.1"), "Check the network, the proxy and"),
        (exceptions.SSLError(endpoint_url="https://a", error=Exception("bad")), "Check the network, the proxy and"),
    ],
)
def test_the_advice_follows_the_whole_text_of_the_error(error: Exception, advice: str) -> None:
    outer = ValueError("the table cannot be read")
    outer.__cause__ = error

    for each in (error, outer):
        message = with_advice(f"The table cannot be read: {error}", each)
        assert message.startswith(f"{ended(f'The table cannot be read: {error}')} {advice}")
        assert ".." not in message


def test_an_error_that_needs_its_own_thought_gets_no_advice() -> None:
    assert with_advice("Denied", DENIED) == "Denied"
    assert with_advice("Wrong", ValueError("wrong")) == "Wrong"
    assert with_advice("Alone", None) == "Alone"


@pytest.mark.parametrize(
    "arguments", ["jobs --stage dev", "rollback --list --stage dev", "why --stage dev", "cancel J --stage dev"]
)
def test_a_missing_region_names_the_option(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    result = CliRunner().invoke(main, arguments.split())

    assert result.exit_code in (1, 3)
    assert result.output.endswith("You must specify a region. Name it by --region or AWS_DEFAULT_REGION.\n")
