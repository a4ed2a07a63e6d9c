"""A model as CreateModel took it, read by whoever serves it."""

from collections.abc import Mapping
from typing import Any


def primary_container(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The definition of a model's one container, whether it was given as PrimaryContainer or as Containers.

    Empty for a model without any, which CreateModel here refuses.
    """
    containers = [*model.get("Containers", ()), *([model["PrimaryContainer"]] if "PrimaryContainer" in model else ())]
    found: Mapping[str, Any] = containers[0] if containers else {}
    return found
