"""Each container image must be in ECR, in the stage's region."""

from __future__ import annotations

from typing import Any

import pytest

from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.image import Image, check_image, judge_image
from tests.operations.preflight.fakes import ACCOUNT, REGION, client_error

OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


def test_an_image_uri_has_a_tag_or_a_digest() -> None:
    base = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/my/repo"
    assert Image.from_uri(f"{base}:1.0") == Image(ACCOUNT, REGION, "my/repo", "1.0", None)
    digest = "sha256:" + "0" * 64
    assert Image.from_uri(f"{base}@{digest}") == Image(ACCOUNT, REGION, "my/repo", None, digest)
    assert Image.from_uri("docker.io/library/python:3") is None


@pytest.mark.parametrize("uri", ["python:3", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/r:1"])
def test_an_image_from_elsewhere_is_an_error_without_a_request(uri: str) -> None:
    check = check_image(None, uri, account=ACCOUNT, region=REGION)  # type: ignore[arg-type]
    assert check.status is ERROR
    assert check.message.startswith(f"{uri} is not an image with a tag or digest in ECR in {REGION}")


@pytest.mark.parametrize(
    ("registry", "says", "fix"),
    [
        (
            ACCOUNT,
            "The caller lacks a permission",
            f"Grant ecr:DescribeImages on repository r of {ACCOUNT} to the caller.",
        ),
        (
            "763104351884",
            "Registry 763104351884 belongs to another account and denies the request, so r:1 was not checked",
            "Grant ecr:DescribeImages to the caller if its IAM policy lacks it, or ask the registry's owner.",
        ),
    ],
)
def test_a_registry_of_another_account_that_denies_is_not_the_caller_s_to_change(
    registry: str, says: str, fix: str
) -> None:
    class Ecr:
        ecr: Any

        def describe_images(self, **_: Any) -> None:
            raise client_error("AccessDeniedException")

    clients = Ecr()
    clients.ecr = clients
    uri = f"{registry}.dkr.ecr.{REGION}.amazonaws.com/r:1"
    check = check_image(clients, uri, account=ACCOUNT, region=REGION)  # type: ignore[arg-type]
    assert check.status is WARNING
    assert check.message.startswith(says)
    assert check.fix == fix


def test_a_missing_image_is_an_error() -> None:
    image = Image(ACCOUNT, REGION, "r", "1", None)
    assert judge_image(image, exists=True).status is OK
    assert judge_image(image, exists=False).status is ERROR
