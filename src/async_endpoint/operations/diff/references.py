"""References between stacks: a value counts as the same, however another stack reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from async_endpoint.operations.diff.templates import Template

_PARAMETER = "AWS::SSM::Parameter"
# The intrinsic function, and the name by which it reads a value.
_Reference = tuple[str, str]


def resolve_references(templates: Mapping[str, Template]) -> dict[str, Template]:
    """Returns the templates, by stack id, with references to another stack's values replaced by what they refer to.

    `Fn::GetStackOutput`, `Fn::ImportValue` and template parameters with a Systems Manager type become the same text,
    `{Stack.Resource.Attribute}`: a template that changes from one to the other changes nothing that is deployed. A
    reference to a stack that is not among the templates stays as it is.
    """
    values = {
        reference: text for stack, template in templates.items() for reference, text in _exported(stack, template)
    }
    return {
        stack: _replace(template, values | dict(_parameters(template, values))) for stack, template in templates.items()
    }


def _exported(stack: str, template: Template) -> Iterator[tuple[_Reference, str]]:
    """Yields what other stacks can read of a stack: its outputs, and the Systems Manager parameters it creates."""
    for name, output in template.get("Outputs", {}).items():
        text = _text(stack, output["Value"])
        # A template does not contain its stack's name, which Fn::GetStackOutput has beside the output's.
        yield ("Fn::GetStackOutput", name), text
        if isinstance(export := output.get("Export", {}).get("Name"), str):
            yield ("Fn::ImportValue", export), text
    for resource in template.get("Resources", {}).values():
        if resource["Type"] == _PARAMETER and isinstance(name := resource["Properties"].get("Name"), str):
            yield (_PARAMETER, name), _text(stack, resource["Properties"]["Value"])


def _parameters(template: Template, values: Mapping[_Reference, str]) -> Iterator[tuple[_Reference, str]]:
    """Yields the values of a template's own parameters that one of the templates exports."""
    for name, parameter in template.get("Parameters", {}).items():
        source = (_PARAMETER, str(parameter.get("Default")))
        if str(parameter["Type"]).startswith(f"{_PARAMETER}::Value") and source in values:
            yield ("Ref", name), values[source]


def _text(stack: str, value: Any) -> str:
    match value:
        case {"Ref": str(name)}:
            return f"{{{stack}.{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"{{{stack}.{name}.{attribute}}}"
        case _:
            return f"{{{stack}.{json.dumps(value, sort_keys=True)}}}"


def _replace(value: Any, values: Mapping[_Reference, str]) -> Any:
    match value:
        case {"Fn::GetStackOutput": {"OutputName": str(name)}}:
            return values.get(("Fn::GetStackOutput", name), value)
        case {"Fn::ImportValue": str(name)}:
            return values.get(("Fn::ImportValue", name), value)
        case {"Ref": str(name)}:
            return values.get(("Ref", name), value)
        case dict():
            return {key: _replace(inner, values) for key, inner in value.items()}
        case list():
            return [_replace(inner, values) for inner in value]
        case _:
            return value
