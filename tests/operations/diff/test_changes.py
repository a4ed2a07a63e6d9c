"""Changes of create-only properties replace, and what refers to a replaced resource changes too."""

from __future__ import annotations

from async_endpoint.operations.diff.changes import ADDED, IN_PLACE, REMOVED, REPLACED, Change
from tests.operations.diff.stack import Template, compare


def test_equal_templates_differ_in_nothing(head: Template) -> None:
    head["Resources"]["In"]["Metadata"]["comment"] = "metadata changes nothing that runs"
    assert compare(head).is_empty


def test_a_replaced_model_replaces_its_configuration_and_changes_the_endpoint_in_place(head: Template) -> None:
    head["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] = "s3://a/2"
    assert compare(head).changes == (
        Change("Endpoint", "Config", "AWS::SageMaker::EndpointConfig", "Config", REPLACED, ("ProductionVariants",)),
        Change("Endpoint", "Endpoint", "AWS::SageMaker::Endpoint", "Endpoint", IN_PLACE, ("EndpointConfigName",)),
        Change("Endpoint", "Model", "AWS::SageMaker::Model", "Model", REPLACED, ("PrimaryContainer",)),
    )


def test_a_resource_without_a_counterpart_is_added_or_removed(head: Template) -> None:
    head["Resources"]["Rule"] = {"Type": "AWS::Events::Rule"}
    del head["Resources"]["Target"]
    assert [(change.logical_id, change.action) for change in compare(head).changes] == [
        ("Rule", ADDED),
        ("Target", REMOVED),
    ]
