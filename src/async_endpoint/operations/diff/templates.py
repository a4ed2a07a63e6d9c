"""The templates of a cloud assembly, and the parts of a template in readable form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Template = Mapping[str, Any]

SUFFIX = ".template.json"


class TemplatesMissing(Exception):
    """A folder without templates; the message says how to create them."""


def read_templates(folder: Path) -> dict[str, Template]:
    """Returns the templates in a folder of `cdk synth --output`, by their stacks' ids.

    Raises:
        TemplatesMissing: The folder has none.
    """
    found = {
        path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob(f"*{SUFFIX}"))
    }
    if not found:
        raise TemplatesMissing(f"{folder} has no templates: create them with `npx cdk synth --output {folder}`.")
    return found


def readable(value: Any) -> str:
    """Returns a value of a template as a person would write it: joins joined, references by name."""
    match value:
        case None:
            text = ""
        case str():
            text = value
        case {"Fn::Join": [str(delimiter), list(parts)]}:
            text = delimiter.join(map(readable, parts))
        case {"Ref": str(name)}:
            text = f"{{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            text = f"{{{name}.{attribute}}}"
        case {"Fn::GetStackOutput": {"OutputName": str(name)}}:
            text = f"{{{name.removeprefix('PublishOutput')}}}"
        case {"Fn::Sub": str(pattern)}:
            text = pattern
        case _:
            text = json.dumps(value, sort_keys=True)
    return text
