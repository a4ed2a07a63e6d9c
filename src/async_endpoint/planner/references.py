"""Values of a CloudFormation template, with its references resolved as far as a plan needs them.

A reference that only a deployment could resolve becomes a text in `${…}`: it never equals a real name.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Self

Resource = Mapping[str, Any]

# What GetAtt returns of a resource with a name of its own: the property that has the name.
_NAMES = {
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    "AWS::SageMaker::Model": "ModelName",
}


class Template:
    """The resources of one stage, of one template or of several; logical ids are unique within each template.

    Args:
        templates: CloudFormation templates as JSON has them.
    """

    def __init__(self, templates: Iterable[Mapping[str, Any]]) -> None:
        self._resources: list[tuple[str, Resource, Mapping[str, Resource]]] = []
        for template in templates:
            found = template.get("Resources")
            members = found.items() if isinstance(found, dict) else ()
            siblings = {name: each for name, each in members if isinstance(each, dict)}
            self._resources += [(name, each, siblings) for name, each in siblings.items()]

    def copy(self) -> Self:
        """Returns a template whose resources can be changed without changing these."""
        found = type(self)([])
        copies: dict[int, Mapping[str, Resource]] = {}
        for name, _, siblings in self._resources:
            if id(siblings) not in copies:  # one copy of each template
                copies[id(siblings)] = deepcopy(dict(siblings))
            same = copies[id(siblings)]
            found._resources.append((name, same[name], same))  # noqa: SLF001 - its own class
        return found

    def properties(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the logical id of each resource of a type, and its own properties, not resolved."""
        for name, resource, _ in self._resources:
            if resource.get("Type") == kind:
                yield name, resource.get("Properties", {})

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the logical id and the resolved properties of each resource of a type."""
        for name, resource, siblings in self._resources:
            if resource.get("Type") == kind:
                yield name, resolved(resource.get("Properties", {}), siblings)

    def types(self) -> Iterator[str]:
        """Yields the type of every resource."""
        for _, resource, _ in self._resources:
            yield str(resource.get("Type"))


def resolved(value: Any, resources: Mapping[str, Resource]) -> Any:
    """Returns a template's value without references.

    Ref is a resource's own name, if its properties have one, or else its logical id.
    """
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(str(resolved(part, resources)) for part in parts)
        case dict() if len(value) == 1 and (function := next(iter(value))).startswith(("Ref", "Fn::")):
            return _reference(function, value[function], resources)
        case dict():
            return {key: resolved(inner, resources) for key, inner in value.items()}
        case list():
            return [resolved(inner, resources) for inner in value]
        case _:
            return value


def _reference(function: str, argument: Any, resources: Mapping[str, Resource]) -> str:
    match function, argument:
        case "Ref", str(name):
            return _name_of(name, resources) if name in resources else f"${{{name}}}"
        case "Fn::GetAtt", [str(name), str(attribute)] if name in resources:
            is_name = attribute == _NAMES.get(str(resources[name].get("Type")))
            return _name_of(name, resources) if is_name else f"${{{name}.{attribute}}}"
        case _:
            return f"${{{function}}}"


def _name_of(logical_id: str, resources: Mapping[str, Resource]) -> str:
    resource = resources[logical_id]
    given = resource.get("Properties", {}).get(_NAMES.get(str(resource.get("Type")), ""))
    return logical_id if given is None else str(resolved(given, resources))
