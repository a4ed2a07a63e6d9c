"""Which version a rollback goes to, what it says of it, and when it does not begin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.operations.deploy import rollback as module
from async_endpoint.operations.deploy.change_set import ChangeSet
from async_endpoint.operations.deploy.deployed_stack import DeployedStack
from async_endpoint.operations.deploy.rollback import Rollback, RollbackError
from async_endpoint.operations.deploy.versions import VersionStore

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
STACK = "async-endpoint-dev-endpoint"
ACCOUNT = "000000000000"
REGION = "ap-northeast-1"
IMAGE = {"Fn::Join": ["", ["763104351884.dkr.ecr.", {"Ref": "AWS::Region"}, ".amazonaws.com/pytorch:1.11"]]}


def template(number: int, bucket: str) -> dict[str, Any]:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": {"Fn::Sub": f"s3://{bucket}/{number}.tar.gz"},
        "Environment": {"MODEL_VERSION": f"model{number}"},
    }
    return {"Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": container}}}}


class Stage:
    """A stack with three kept versions, whose archives are there; a test chooses which is deployed."""

    def __init__(self, s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3, self.bucket = s3, bucket
        self.deployed: dict[str, Any] | None = template(3, bucket)
        self.store = VersionStore(s3, bucket=bucket, account=ACCOUNT, stack=STACK)
        for number in (1, 2, 3):
            s3.put_object(Bucket=bucket, Key=f"{number}.tar.gz", Body=b"")
            self.store.keep(template(number, bucket), NOON + timedelta(minutes=number))
        self.planned: list[str] = []
        monkeypatch.setattr(module, "read_stack", lambda *_: self._read())
        monkeypatch.setattr(VersionStore, "of_stack", lambda *_: self.store)
        monkeypatch.setattr(ChangeSet, "plan", self._plan)

    def _read(self) -> DeployedStack | None:
        return DeployedStack(STACK, ACCOUNT, REGION, self.deployed) if self.deployed else None

    def _plan(self, _: Any, deployed: DeployedStack, *, template_url: str, timeout: float) -> Any:
        assert (deployed.name, timeout) == (STACK, 5)
        self.planned.append(template_url)
        return f"plan {len(self.planned)}"

    @property
    def rollback(self) -> Rollback:
        return Rollback(None, self.s3, stack=STACK, timeout=5)  # type: ignore[arg-type]


@pytest.fixture
def stage(s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(s3, bucket, monkeypatch)


@pytest.mark.parametrize(("deployed", "before"), [(3, "model2"), (2, "model1"), (9, "model3")])
def test_it_goes_to_the_version_before_the_deployed_or_to_the_newest_of_a_deploy_that_never_served(
    stage: Stage, deployed: int, before: str
) -> None:
    stage.deployed = template(deployed, stage.bucket)
    assert stage.rollback.choose().model == before


def test_there_is_no_version_before_the_oldest(stage: Stage) -> None:
    stage.deployed = template(1, stage.bucket)
    with pytest.raises(RollbackError, match="No version before the deployed one is kept for async-endpoint-dev"):
        stage.rollback.choose()


def test_a_version_is_named_and_an_unknown_name_is_an_error(stage: Stage) -> None:
    newest, *_, oldest = stage.rollback.list()
    assert (newest.model, newest.is_deployed, newest.image) == ("model3", True, "pytorch:1.11")
    assert not oldest.is_deployed
    assert stage.rollback.choose(oldest.version.name) == oldest
    with pytest.raises(RollbackError, match="There is no version yesterday of async-endpoint-dev-endpoint: --list"):
        stage.rollback.choose("yesterday")


def test_a_version_whose_archive_is_gone_is_not_planned(stage: Stage) -> None:
    stage.s3.delete_object(Bucket=stage.bucket, Key="2.tar.gz")
    with pytest.raises(RollbackError, match=r"needs s3://.*/2\.tar\.gz, which is not there any more; `cdk gc` deletes"):
        stage.rollback.plan(stage.rollback.choose().version)
    assert stage.planned == []


def test_a_plan_reads_the_kept_template(stage: Stage) -> None:
    version = stage.rollback.choose().version
    stage.rollback.plan(version)
    assert stage.planned == [stage.store.url(version)]


def test_a_repeated_run_plans_anew(stage: Stage) -> None:
    version = stage.rollback.choose().version
    executed: list[str] = []

    class Planned:
        def execute(self, *_: Any) -> bool:
            executed.append("first")
            return False

    run = stage.rollback.runner(Planned(), version, print)  # type: ignore[arg-type]
    assert run() == 1
    assert executed == ["first"]
    with pytest.raises(AttributeError, match="execute"):  # of the played second plan
        run()
    assert len(stage.planned) == 1


def test_without_a_stack_or_a_bootstrap_there_is_nothing_to_roll_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VersionStore, "of_stack", lambda *_: None)
    with pytest.raises(RollbackError, match="names no bootstrap of the CDK"):
        _ = stage.rollback
    stage.deployed = None
    with pytest.raises(RollbackError, match="There is no stack async-endpoint-dev-endpoint, or its creation failed"):
        _ = stage.rollback
