"""References between stacks, settled: two templates that read one value by different means read the same value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PARAMETER = "AWS::SSM::Parameter"
# Function, and the name under which it reads a value.
_Reference = tuple[str, str]


def settled(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The templates, by their stacks' ids, with each reference to another stack's value replaced by what it refers to.

    `Fn::GetStackOutput`, `Fn::ImportValue` and template parameters of a type of Systems Manager become one text,
    `{Stack.Resource.Attribute}`: a template that changes from one to the other changes nothing that is deployed. A
    reference to a stack that is not among the templates stays as it is.
    """
    values = {reference: text for stack, template in templates.items() for reference, text in _given(stack, template)}
    return {
        stack: _replaced(template, values | dict(_parameters(template, values)))
        for stack, template in templates.items()
    }


def _given(stack: str, template: Mapping[str, Any]) -> Iterator[tuple[_Reference, str]]:
    """What a stack gives to others, as its outputs and as the parameters of Systems Manager that it makes."""
    for name, output in template.get("Outputs", {}).items():
        text = _text(stack, output["Value"])
        # A template does not say its stack's name, which Fn::GetStackOutput has beside the output's.
        yield ("Fn::GetStackOutput", name), text
        if isinstance(export := output.get("Export", {}).get("Name"), str):
            yield ("Fn::ImportValue", export), text
    for resource in template.get("Resources", {}).values():
        if resource["Type"] == _PARAMETER and isinstance(name := resource["Properties"].get("Name"), str):
            yield (_PARAMETER, name), _text(stack, resource["Properties"]["Value"])


def _parameters(template: Mapping[str, Any], values: Mapping[_Reference, str]) -> Iterator[tuple[_Reference, str]]:
    """What a template's own parameters are, as far as another of the templates gives it."""
    for name, parameter in template.get("Parameters", {}).items():
        given = (_PARAMETER, str(parameter.get("Default")))
        if str(parameter["Type"]).startswith(f"{_PARAMETER}::Value") and given in values:
            yield ("Ref", name), values[given]


def _text(stack: str, value: Any) -> str:
    match value:
        case {"Ref": str(name)}:
            return f"{{{stack}.{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"{{{stack}.{name}.{attribute}}}"
        case _:
            return f"{{{stack}.{json.dumps(value, sort_keys=True)}}}"


def _replaced(value: Any, values: Mapping[_Reference, str]) -> Any:
    match value:
        case {"Fn::GetStackOutput": {"OutputName": str(name)}}:
            return values.get(("Fn::GetStackOutput", name), value)
        case {"Fn::ImportValue": str(name)}:
            return values.get(("Fn::ImportValue", name), value)
        case {"Ref": str(name)}:
            return values.get(("Ref", name), value)
        case dict():
            return {key: _replaced(inner, values) for key, inner in value.items()}
        case list():
            return [_replaced(inner, values) for inner in value]
        case _:
            return value
