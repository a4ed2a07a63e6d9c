"""What a stage needs is read from its cloud assembly: this app's own, and templates with each form of a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.operations.preflight.assembly import Archive, Assembly, AssemblyError, Bootstrap, Named
from async_endpoint.operations.preflight.fleets import fleets
from async_endpoint.operations.preflight.intrinsics import Pseudo, text_of

if TYPE_CHECKING:
    from pathlib import Path

PSEUDO = Pseudo("123456789012", "eu-west-1")
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


def endpoint(deployment: dict[str, Any] | None, *variants: dict[str, Any], **target: Any) -> dict[str, Any]:
    """The resources of an endpoint, and of a scalable target if there are properties of one."""
    properties: dict[str, Any] = {
        "EndpointName": "e",
        "EndpointConfigName": {"Fn::GetAtt": ["C", "EndpointConfigName"]},
    }
    if deployment is not None:
        properties["DeploymentConfig"] = deployment
    found: dict[str, Any] = {
        "E": {"Type": "AWS::SageMaker::Endpoint", "Properties": properties},
        "C": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": list(variants)}},
    }
    if target:
        resource_id = {"Fn::Join": ["", ["endpoint/", {"Fn::GetAtt": ["E", "EndpointName"]}, "/variant/V"]]}
        found["T"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"ResourceId": resource_id, **target},
        }
    return {"Resources": found}


def variant(**members: Any) -> dict[str, Any]:
    return {"VariantName": "V", "InitialInstanceCount": 1, "InstanceType": "ml.g4dn.xlarge", **members}


ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 30}}}


@pytest.mark.parametrize(
    ("template", "initial", "most", "updating"),
    [
        (endpoint(None, variant(), MinCapacity=0, MaxCapacity=4), 1, 4, 8),
        (endpoint({"BlueGreenUpdatePolicy": {}}, variant(InitialInstanceCount=3)), 3, 3, 6),
        (endpoint(ROLLING, variant(), MaxCapacity=4), 1, 4, 6),
        (
            endpoint(
                {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}},
                variant(),
                MaxCapacity=4,
            ),
            1,
            4,
            5,
        ),
        (
            endpoint(None, variant(), MaxCapacity=2, ScheduledActions=[{"ScalableTargetAction": {"MaxCapacity": 6}}]),
            1,
            6,
            12,
        ),
    ],
    ids=["blue/green by default", "without scaling", "rolling by percent", "rolling by count", "a scheduled maximum"],
)
def test_a_fleet_is_as_large_as_scaling_and_an_update_together_may_make_it(
    template: dict[str, Any], initial: int, most: int, updating: int
) -> None:
    (fleet,) = fleets(template)
    assert (fleet.initial, fleet.most, fleet.updating) == (initial, most, updating)
    assert fleet.endpoint == "e"


def test_a_target_of_another_variant_does_not_count() -> None:
    (fleet,) = fleets(endpoint(None, variant(VariantName="W"), MaxCapacity=9))
    assert fleet.most == 1


def test_pools_give_their_types_in_the_order_in_which_they_are_tried() -> None:
    pools = [{"InstanceType": "ml.g5.xlarge", "Priority": 2}, {"InstanceType": "ml.g4dn.xlarge", "Priority": 1}]
    pooled = {key: value for key, value in variant(InstancePools=pools).items() if key != "InstanceType"}
    (fleet,) = fleets(endpoint(None, pooled))
    assert fleet.instance_types == ("ml.g4dn.xlarge", "ml.g5.xlarge")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Bucket"}, None),
        ({"Fn::Sub": "s3://b-${AWS::AccountId}-${AWS::Region}/k"}, "s3://b-123456789012-eu-west-1/k"),
        ({"Fn::Sub": "s3://${Bucket}/k"}, None),
        ({"Fn::Join": ["/", ["s3:", "", {"Ref": "AWS::AccountId"}]]}, "s3://123456789012"),
        ({"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}]]}, None),
        ({"Fn::GetAtt": ["A", "B"]}, None),
        (None, None),
    ],
)
def test_a_value_is_known_where_it_names_no_resource(value: object, expected: str | None) -> None:
    assert text_of(value, PSEUDO) == expected


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
    assembly = Assembly.read(write_assembly(tmp_path / "app", stacks))
    assert (assembly.region, assembly.account) == ("eu-west-1", None)
    assert [stack.name for stack in assembly.stacks] == ["my-one", "my-two"]
    assert assembly.bootstrap == Bootstrap("/boot/version", 5)
    assert assembly.images(PSEUDO) == ["image:1"]
    assert assembly.layers(PSEUDO) == ["arn:layer:1"]
    assert assembly.archives(PSEUDO) == [
        Archive("cdk-hnb659fds-assets-123456789012-eu-west-1", "built.tar.gz", is_prefix=False, is_published=True),
        Archive("mine", "m/", is_prefix=True, is_published=False),
    ]
    assert assembly.named("AWS::Logs::LogGroup", "LogGroupName", PSEUDO) == [Named("my-one", "/logs/e")]


def test_an_account_that_the_stacks_name_is_known(tmp_path: Path) -> None:
    folder = write_assembly(tmp_path / "app", {"one": {}}, "aws://210987654321/unknown-region")
    assembly = Assembly.read(folder)
    assert (assembly.region, assembly.account) == (None, "210987654321")


@pytest.mark.parametrize("content", [None, "no JSON", "{}", '{"artifacts": {}}'])
def test_a_folder_that_is_no_stage_is_refused_in_a_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AssemblyError, match=r"make one with `npx cdk synth|has no stack"):
        Assembly.read(tmp_path)
