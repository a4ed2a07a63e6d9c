"""`async-endpoint why` where there is nothing to read: one sentence, at once."""

import time

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main


def why(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["why", *arguments])


def test_without_a_stage_it_asks_for_one() -> None:
    result = why()
    assert result.exit_code == 2
    assert "Name the stage by --stage" in result.stderr


def test_a_wrong_time_is_wrong_usage() -> None:
    result = why("--stage", "dev", "--since", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is not a length of time" in result.stderr


@pytest.mark.usefixtures("local_services")
def test_a_stage_that_is_not_deployed_is_one_sentence() -> None:
    result = why("--stage", "nowhere")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: There is no stack async-endpoint-nowhere-foundation or ")
    assert "in ap-northeast-1" in result.stderr


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    result = why("--stage", "dev")
    assert result.exit_code == 3
    assert (
        result.stderr
        == "Error: AWS cannot be read: You must specify a region. Name it by --region or AWS_DEFAULT_REGION.\n"
    )


def test_without_credentials_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    began = time.monotonic()
    result = why("--stage", "dev", "--region", "eu-west-1")
    assert result.exit_code == 3
    assert result.stderr == (
        "Error: AWS cannot be read: Unable to locate credentials. Log in by `aws sso login`, or name a profile by "
        "--profile or AWS_PROFILE.\n"
    )
    assert time.monotonic() - began < 30, "not the time of attempts to reach AWS"
