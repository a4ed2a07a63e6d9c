"""What is read from templates: of the app's own stages, and of wrong ones."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds.
    environment.setenv("CDK_VALIDATION", "false")
    from app import ROOT, build_app

from async_endpoint.planner import PlanError, Wake, Watchdog, read_stage, references, simulate, stage_from
from stacks.settings.stage import load_settings
from tests.planner.stages import arriving, conditions, documented, endpoint, stage, target
from tests.stacks.templates import write_artifacts


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthesised stage prod."""
    folder = tmp_path_factory.mktemp("prod")
    settings = load_settings(ROOT / "config", "prod")
    build_app(settings, artifacts=write_artifacts(folder / "artifacts"), outdir=folder / "out").synth()
    return folder / "out"


def test_a_stage_of_the_app_is_read_whole(assembly: Path) -> None:
    found = read_stage(assembly)
    assert (found.endpoint_name, found.variant_name, found.region) == (
        "donut-async-prod",
        "AllTraffic",
        "ap-northeast-1",
    )
    assert (found.instance_type, found.initial_instances, found.concurrency) == ("ml.g4dn.xlarge", 1, 16)
    assert (found.wake, found.watchdog) == (Wake(5, 900), Watchdog(5_400, stops=False))
    assert (found.admission, found.has_topics, found.has_workflow) == (True, True, True)
    assert found.request_ttl_seconds == 21_600
    assert found.scaling is not None
    assert (found.scaling.minimum, found.scaling.maximum) == (0, 4)
    names = {each["PolicyName"] for each in found.scaling.policies.values()}
    assert names == {"backlog-per-instance", "wake-from-zero", "sleep-when-idle"}
    # Alarms that notify people scale nothing.
    assert len(found.scaling.alarms) == 2
    assert "${" not in json.dumps([dict(each.members) for each in found.scaling.alarms])


def test_a_stage_of_the_app_wakes_works_and_sleeps(assembly: Path) -> None:
    outcome = simulate(read_stage(assembly), arriving(*[600.0] * 12, seconds=7_200), conditions(30, concurrency=1))
    (woken, asleep) = outcome.changes
    assert woken == (601, 3)
    assert asleep[1] == 0
    # Four of 30 s each on three instances, from 841 until 961; then fourteen whole minutes without work, from 1,020 on.
    assert asleep[0] == 1_860
    assert outcome.unknown_metrics == ()


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ([{}], "no asynchronous endpoint is in it"),
        ([{"Resources": []}], "no asynchronous endpoint is in it"),
        ([{"Resources": endpoint()}, {"Resources": endpoint()}], "2 asynchronous endpoints are in it"),
        ([{"Resources": endpoint() | target() | {"B": target()["Target"]}}], "2 scalable targets are in it"),
    ],
)
def test_what_has_not_exactly_one_endpoint_is_a_sentence(templates: list[Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        stage_from(templates)


def test_a_missing_member_is_named() -> None:
    resources = endpoint()
    del resources["Config"]["Properties"]["ProductionVariants"][0]["VariantName"]
    with pytest.raises(PlanError, match="lacks 'VariantName'"):
        stage_from([{"Resources": resources}])


@pytest.mark.parametrize("value", ["many", -1])
def test_a_capacity_that_is_no_number_is_named(value: object) -> None:
    resources = endpoint() | target()
    resources["Target"]["Properties"]["MaxCapacity"] = value
    with pytest.raises(PlanError, match=f"MaxCapacity is {value!r}"):
        stage_from([{"Resources": resources}])


def test_numbers_may_be_text() -> None:
    resources = target()
    resources["Target"]["Properties"]["MaxCapacity"] = "3"
    found = stage(endpoint(), resources)
    assert found.scaling is not None
    assert found.scaling.maximum == 3


def test_a_pool_of_types_is_planned_with_its_first() -> None:
    resources = endpoint()
    variant = resources["Config"]["Properties"]["ProductionVariants"][0]
    del variant["InstanceType"]
    variant["InstancePools"] = [{"InstanceType": "ml.g5.xlarge"}, {"InstanceType": "ml.g4dn.xlarge"}]
    assert stage(resources).instance_type == "ml.g5.xlarge"


def test_files_that_are_none_are_sentences_with_their_path(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"has no file \*.template.json"):
        read_stage(tmp_path)
    path = tmp_path / "a.template.json"
    for text, message in (("{", "is not JSON"), ("[]", "no CloudFormation template")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PlanError, match=message):
            read_stage(tmp_path)
    path.write_text(json.dumps({"Resources": endpoint()}), encoding="utf-8")
    assert read_stage(path) == read_stage(tmp_path)
    assert read_stage(path).region is None


@pytest.mark.parametrize("actions", ["OKActions", "InsufficientDataActions"])
def test_a_policy_that_another_state_than_alarm_triggers_is_a_sentence(actions: str) -> None:
    resources = documented()
    resources["WakeAlarm"]["Properties"][actions] = [{"Ref": "WakePolicy"}]
    with pytest.raises(PlanError, match=f"alarm WakeAlarm names a scaling policy in {actions}, which is not simulated"):
        stage(resources)


def test_a_copy_has_one_copy_of_each_template_and_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[object] = []

    def counting(found: Any) -> Any:
        copied.append(found)
        return deepcopy(found)

    monkeypatch.setattr(references, "deepcopy", counting)
    template = references.Template([{"Resources": documented()}, {"Resources": endpoint()}])
    variant = next(template.copy().properties("AWS::SageMaker::EndpointConfig"))[1]["ProductionVariants"][0]
    variant["InstanceType"] = "changed"
    assert len(copied) == 2
    assert "changed" not in str(list(template.properties("AWS::SageMaker::EndpointConfig")))
