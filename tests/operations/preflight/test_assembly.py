"""What a stage needs is read from its cloud assembly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.operations.preflight.assembly import Archive, Assembly, AssemblyError, Bootstrap, PhysicalName
from async_endpoint.operations.preflight.intrinsics import PseudoParameters

if TYPE_CHECKING:
    from pathlib import Path

PSEUDO = PseudoParameters("123456789012", "eu-west-1")
ASSETS = "cdk-hnb659fds-assets-${AWS::AccountId}-eu-west-1"


def write_assembly(
    folder: Path, stacks: dict[str, dict[str, Any]], environment: str = "aws://unknown-account/eu-west-1"
) -> Path:
    """An assembly of these templates by their stacks' names, as the CDK lays it out."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Any] = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    for number, (name, resources) in enumerate(stacks.items(), start=4):
        (folder / f"{name}.template.json").write_text(json.dumps({"Resources": resources}))
        assets = {"files": {"1": {"destinations": {"1": {"bucketName": ASSETS, "objectKey": "built.tar.gz"}}}}}
        (folder / f"{name}.assets.json").write_text(json.dumps(assets))
        bootstrap = {"requiresBootstrapStackVersion": number, "bootstrapStackVersionSsmParameter": "/boot/version"}
        artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": f"{name}.template.json", "stackName": f"my-{name}", **bootstrap},
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def model(**container: Any) -> dict[str, Any]:
    return {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": container}}


def test_what_a_stage_needs_is_found_in_all_of_its_stacks(tmp_path: Path) -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Layers": ["arn:layer:1"]}}
    stacks = {
        "one": {
            "M": model(Image="image:1", ModelDataUrl={"Fn::Sub": f"s3://{ASSETS}/built.tar.gz"}),
            "N": model(
                Image="image:1", ModelDataSource={"S3DataSource": {"S3Uri": "s3://mine/m/", "S3DataType": "S3Prefix"}}
            ),
            "L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/logs/e"}},
            "U": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
        },
        "two": {"F": function, "G": function},
    }
    assembly = Assembly.from_folder(write_assembly(tmp_path / "app", stacks))
    assert (assembly.region, assembly.account) == ("eu-west-1", None)
    assert [stack.name for stack in assembly.stacks] == ["my-one", "my-two"]
    assert assembly.bootstrap == Bootstrap("/boot/version", 5)
    assert assembly.images(PSEUDO) == ["image:1"]
    assert assembly.layers(PSEUDO) == ["arn:layer:1"]
    assert assembly.archives(PSEUDO) == [
        Archive(
            "cdk-hnb659fds-assets-123456789012-eu-west-1",
            "built.tar.gz",
            is_prefix=False,
            is_published=True,
            image="image:1",
        ),
        Archive("mine", "m/", is_prefix=True, is_published=False, image="image:1"),
    ]
    assert assembly.physical_names("AWS::Logs::LogGroup", "LogGroupName", PSEUDO) == [PhysicalName("my-one", "/logs/e")]


def test_an_account_that_the_stacks_name_is_known(tmp_path: Path) -> None:
    folder = write_assembly(tmp_path / "app", {"one": {}}, "aws://210987654321/unknown-region")
    assembly = Assembly.from_folder(folder)
    assert (assembly.region, assembly.account) == (None, "210987654321")


@pytest.mark.parametrize("content", [None, "not JSON", "{}", '{"artifacts": {}}'])
def test_a_folder_without_a_stage_is_rejected(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AssemblyError, match=r"create one with `npx cdk synth|has no stacks"):
        Assembly.from_folder(tmp_path)
