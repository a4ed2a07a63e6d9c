"""Each check's decision by what AWS said, without AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from async_endpoint.operations.preflight import identity
from async_endpoint.operations.preflight.archive import Bucket, judge_archive
from async_endpoint.operations.preflight.assembly import Archive, Bootstrap, Named
from async_endpoint.operations.preflight.bootstrap import judge_bootstrap
from async_endpoint.operations.preflight.check import Check, Status, guarded
from async_endpoint.operations.preflight.fleets import BLUE_GREEN, Fleet
from async_endpoint.operations.preflight.image import Image, check_image, judge_image
from async_endpoint.operations.preflight.layer import judge_layers
from async_endpoint.operations.preflight.quota import Quota, judge_quota
from async_endpoint.operations.preflight.stacks import StackState, judge_stacks
from async_endpoint.operations.preflight.taken import check_log_groups, judge_endpoints, judge_log_groups

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TYPE = "ml.g4dn.xlarge"
LAYER = f"arn:aws:lambda:{REGION}:017000801446:layer:Tools:36"
BUILT = Archive("b", "k", is_prefix=False, is_published=True)
BROUGHT = Archive("b", "k", is_prefix=False, is_published=False)
OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


def fleet(*types: str, initial: int = 1, most: int = 2) -> Fleet:
    return Fleet(types or (TYPE,), initial, most, 2 * most, BLUE_GREEN, "e")


def refusal(code: str, message: str = "said so") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.mark.parametrize(
    ("value", "others", "status", "says"),
    [
        (4, 0, OK, "needs up to 2, and 4 during an update"),
        (3, 0, WARNING, "reject an update while all of them run"),
        (4, 1, WARNING, "other endpoints use 1"),
        (1, 0, WARNING, "reject scaling to the most"),
        (0, 0, ERROR, "the endpoint cannot start"),
        (2, 2, ERROR, "the endpoint cannot start"),
        (4, None, WARNING, "is 4, and what other endpoints use is unknown; the stage needs"),
        (3, None, WARNING, "what other endpoints use is unknown"),
        (0, None, ERROR, "what other endpoints use is unknown"),
    ],
)
def test_a_quota_is_held_against_the_most_and_against_an_update(
    value: int, others: int | None, status: Status, says: str
) -> None:
    check = judge_quota(fleet(), TYPE, Quota("L-1", value), others, REGION)
    assert check.status is status
    assert says in check.message
    if status is OK:
        assert check.fix is None
    elif value >= 4 and others is None:  # the quota itself may well suffice
        assert (check.fix or "").startswith(f"aws sagemaker list-endpoints --region {REGION}")
    else:
        wanted = f"--quota-code L-1 --desired-value {4 + (others or 0)} --region {REGION}"
        assert (check.fix or "").endswith(wanted)


def test_a_type_without_quota_is_no_error_where_another_may_stand_in() -> None:
    assert judge_quota(fleet(TYPE, "ml.g5.xlarge"), TYPE, Quota("L-1", 0), 0, REGION).status is WARNING


def test_a_quota_that_is_not_listed_is_a_warning() -> None:
    assert judge_quota(fleet(), "ml.new.large", None, 0, REGION).status is WARNING


@pytest.mark.parametrize(("version", "status"), [("6", OK), ("32", OK), ("5", ERROR), ("new", ERROR), (None, ERROR)])
def test_a_bootstrap_must_be_recent_enough(version: str | None, status: Status) -> None:
    check = judge_bootstrap(Bootstrap("/p", 6), version, f"aws://{ACCOUNT}/{REGION}")
    assert check.status is status
    assert check.fix == (None if status is OK else f"npx cdk bootstrap aws://{ACCOUNT}/{REGION}")


@pytest.mark.parametrize(
    ("state", "environment", "status", "fix"),
    [
        ("opted-in", {}, OK, None),
        ("opt-in-not-required", {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": "us-east-1"}, OK, None),
        ("opt-in-not-required", {"AWS_DEFAULT_REGION": "us-east-1"}, WARNING, f"export AWS_REGION={REGION}"),
        ("not-opted-in", {}, ERROR, f"aws account enable-region --region-name {REGION}"),
        (None, {}, ERROR, "Set another `region`"),
    ],
)
def test_a_region_must_be_turned_on(
    state: str | None, environment: dict[str, str], status: Status, fix: str | None
) -> None:
    check = identity.judge_region(REGION, state, environment)
    assert check.status is status
    assert (check.fix or "").startswith(fix or "")
    assert (check.fix is None) == (fix is None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "cannot be used: Unable to locate credentials."),
        (refusal("ExpiredToken"), "have expired"),
        (refusal("InvalidClientTokenId"), "cannot be used"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "AWS cannot be reached"),
    ],
)
def test_credentials_that_do_not_serve_are_an_error_in_a_sentence(error: Exception, says: str) -> None:
    class Sts:
        sts: Any

        def get_caller_identity(self) -> None:
            raise error

    clients = Sts()
    clients.sts = clients
    check, account = identity.check_credentials(clients, None)  # type: ignore[arg-type]
    assert (check.status, account) == (ERROR, None)
    assert says in check.message


@pytest.mark.parametrize(("named", "status"), [(None, OK), (ACCOUNT, OK), ("999999999999", ERROR)])
def test_credentials_must_be_of_the_account_that_the_stacks_name(named: str | None, status: Status) -> None:
    class Sts:
        sts: Any

        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": ACCOUNT, "Arn": "arn:me"}

    clients = Sts()
    clients.sts = clients
    check, account = identity.check_credentials(clients, named)  # type: ignore[arg-type]
    assert check.status is status
    assert account == (ACCOUNT if status is OK else None)


@pytest.mark.parametrize(
    ("state", "status", "fix"),
    [
        (StackState("s", None), OK, None),
        (StackState("s", "REVIEW_IN_PROGRESS"), OK, None),
        (StackState("s", "UPDATE_ROLLBACK_COMPLETE"), OK, None),
        (StackState("s", "ROLLBACK_COMPLETE"), WARNING, "delete-stack"),
        (StackState("s", "ROLLBACK_COMPLETE", is_protected=True), ERROR, "update-termination-protection"),
        (StackState("s", "UPDATE_ROLLBACK_FAILED"), ERROR, "continue-update-rollback"),
        (StackState("s", "UPDATE_FAILED"), ERROR, "rollback-stack"),
        (StackState("s", "DELETE_FAILED"), ERROR, "delete-stack"),
        (StackState("s", "UPDATE_IN_PROGRESS"), WARNING, "describe-stack-events"),
    ],
)
def test_a_stack_must_be_where_a_deploy_can_start(state: StackState, status: Status, fix: str | None) -> None:
    check = judge_stacks([StackState("fine", "CREATE_COMPLETE"), state], REGION)
    assert check.status is status
    assert (check.fix is None) if fix is None else (check.fix or "").startswith(f"aws cloudformation {fix} ")


def test_of_several_stacks_the_worst_speaks() -> None:
    states = [StackState("a", "UPDATE_IN_PROGRESS"), StackState("b", "DELETE_FAILED")]
    check = judge_stacks(states, REGION)
    assert check.status is ERROR
    assert "b is DELETE_FAILED" in check.message
    assert "a is" not in check.message


def test_a_log_group_of_nobody_in_the_stage_is_in_the_way() -> None:
    group = Named("s", "/logs/e")
    assert judge_log_groups([group], {}, REGION).status is OK
    check = judge_log_groups([group], {group: False, Named("s", "/logs/f"): False}, REGION)
    assert check.status is ERROR
    # What a shell runs of the line only looks; the deletion is behind the comment's sign.
    run, _, comment = (check.fix or "").partition("   # ")
    assert run == (
        "aws logs describe-log-streams --log-group-name /logs/e --order-by LastEventTime --descending --max-items 5 "
        f"--region {REGION} && aws logs describe-log-streams --log-group-name /logs/f --order-by LastEventTime "
        f"--descending --max-items 5 --region {REGION}"
    )
    # zsh knows no comments at its prompt: nothing behind the sign may begin another command.
    assert not set("&|;`") & set(comment)
    assert "set endpoint.name in config/STAGE.toml to another name" in comment
    assert f"aws logs delete-log-group --log-group-name /logs/e --region {REGION}" in comment


def test_a_log_group_whose_endpoint_is_there_is_not_to_be_deleted() -> None:
    used, left = Named("s", "/logs/used"), Named("s", "/logs/left")
    fix = judge_log_groups([used, left], {used: True, left: False}, REGION).fix or ""
    assert fix.startswith("Set endpoint.name in config/STAGE.toml to another name")
    assert "delete" not in fix


class Aws:
    """CloudWatch Logs with the group of an endpoint, and SageMaker's answer about that endpoint."""

    def __init__(self, answer: Exception | None) -> None:
        self.logs = self.sagemaker = self
        self._answer = answer

    def describe_log_groups(self, **_: Any) -> dict[str, Any]:
        return {"logGroups": [{"logGroupName": "/aws/sagemaker/Endpoints/e"}]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert EndpointName == "e"
        if self._answer:
            raise self._answer
        return {"EndpointStatus": "InService"}


@pytest.mark.parametrize(
    ("answer", "offers_deletion"),
    [
        (None, False),
        (refusal("AccessDeniedException"), False),
        (refusal("ValidationException", 'Could not find endpoint "e".'), True),
    ],
)
def test_a_log_group_is_offered_for_deletion_only_where_its_endpoint_is_known_to_be_gone(
    answer: Exception | None, *, offers_deletion: bool
) -> None:
    clients: Any = Aws(answer)
    check = check_log_groups(clients, [Named("s", "/aws/sagemaker/Endpoints/e")], [], REGION)
    assert check.status is ERROR
    assert ("delete-log-group" in (check.fix or "")) == offers_deletion


def test_an_endpoint_of_somebody_else_is_in_the_way_and_a_failed_one_is_told() -> None:
    named = Named("s", "e")
    assert judge_endpoints({}, [], REGION).status is OK
    assert judge_endpoints({named: "InService"}, [named], REGION).status is OK
    assert judge_endpoints({named: "Failed"}, [named], REGION).status is WARNING
    check = judge_endpoints({named: "InService"}, [], REGION)
    assert check.status is ERROR
    assert check.fix == (
        "Set endpoint.name in config/STAGE.toml to another name. What is there: "
        f"aws sagemaker describe-endpoint --endpoint-name e --region {REGION}"
    )


@pytest.mark.parametrize(
    ("archive", "found", "status", "says"),
    [
        (BUILT, Bucket(REGION), OK, "goes to"),
        (BROUGHT, Bucket(REGION, "key", "Enabled"), OK, "encrypted under key"),
        (BUILT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket("us-east-1"), ERROR, "in us-east-1"),
        (BUILT, Bucket(REGION, "key", "Disabled"), ERROR, "which is Disabled"),
        (BUILT, Bucket(REGION, "key", "gone"), ERROR, "which is gone"),
        (BROUGHT, Bucket(REGION, has_archive=False), ERROR, "nothing at s3://b/k"),
    ],
)
def test_an_archive_needs_a_bucket_here_a_key_that_works_and_itself(
    archive: Archive, found: Bucket, status: Status, says: str
) -> None:
    check = judge_archive(archive, found, account=ACCOUNT, region=REGION)
    assert check.status is status
    assert says in check.message
    assert (check.fix is None) == (status is OK)


def test_an_image_is_read_from_its_uri_by_tag_or_digest() -> None:
    base = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/my/repo"
    assert Image.of_uri(f"{base}:1.0") == Image(ACCOUNT, REGION, "my/repo", "1.0", None)
    digest = "sha256:" + "0" * 64
    assert Image.of_uri(f"{base}@{digest}") == Image(ACCOUNT, REGION, "my/repo", None, digest)
    assert Image.of_uri("docker.io/library/python:3") is None


@pytest.mark.parametrize("uri", ["python:3", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/r:1"])
def test_an_image_from_elsewhere_is_an_error_that_needs_no_question(uri: str) -> None:
    check = check_image(None, uri, account=ACCOUNT, region=REGION)  # type: ignore[arg-type]
    assert check.status is ERROR
    assert check.message.startswith(f"{uri} is not an image in ECR of {REGION}")


@pytest.mark.parametrize(
    ("registry", "says", "fix"),
    [
        (ACCOUNT, "The caller may not ask", f"Allow ecr:DescribeImages on repository r of {ACCOUNT} to the caller."),
        (
            "763104351884",
            "Registry 763104351884 is another account's and does not let the caller ask, so r:1 was not checked",
            "Allow ecr:DescribeImages to the caller if its IAM policy lacks it, or ask the registry's owner.",
        ),
    ],
)
def test_a_registry_of_another_account_that_denies_is_not_the_caller_s_to_change(
    registry: str, says: str, fix: str
) -> None:
    class Ecr:
        ecr: Any

        def describe_images(self, **_: Any) -> None:
            raise refusal("AccessDeniedException")

    clients = Ecr()
    clients.ecr = clients
    uri = f"{registry}.dkr.ecr.{REGION}.amazonaws.com/r:1"
    check = check_image(clients, uri, account=ACCOUNT, region=REGION)  # type: ignore[arg-type]
    assert check.status is WARNING
    assert check.message.startswith(says)
    assert check.fix == fix


def test_an_image_that_is_not_there_is_an_error() -> None:
    image = Image(ACCOUNT, REGION, "r", "1", None)
    assert judge_image(image, is_there=True).status is OK
    assert judge_image(image, is_there=False).status is ERROR


def test_a_layer_must_be_there_and_of_the_region() -> None:
    there = judge_layers([LAYER], [], REGION)
    assert (there.status, there.message) == (OK, "Tools:36 is available.")
    assert judge_layers([LAYER, LAYER], [], REGION).message == "Tools:36, Tools:36 are available."
    assert judge_layers([LAYER], [LAYER], REGION).status is ERROR
    assert judge_layers([LAYER], [], "us-east-1").status is ERROR


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (refusal("AccessDeniedException"), "Allow ssm:GetParameter to the caller."),
        (refusal("403"), "Allow ssm:GetParameter to the caller."),
        (refusal("ThrottlingException"), "Run preflight again."),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "Run preflight again."),
    ],
)
def test_what_aws_does_not_answer_is_a_warning_that_says_so(error: Exception, fix: str) -> None:
    def asked() -> Check:
        raise error

    check = guarded("bootstrap", "ssm:GetParameter", asked)
    assert (check.status, check.fix) == (WARNING, fix)
    assert "not checked" in check.message
