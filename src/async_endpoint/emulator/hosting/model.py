"""Reads a model as CreateModel took it."""

from collections.abc import Mapping
from typing import Any


def primary_container(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the definition of a model's one container, given as PrimaryContainer or in Containers.

    Empty for a model without one, which CreateModel rejects here.
    """
    containers = [*model.get("Containers", ()), *([model["PrimaryContainer"]] if "PrimaryContainer" in model else ())]
    found: Mapping[str, Any] = containers[0] if containers else {}
    return found
