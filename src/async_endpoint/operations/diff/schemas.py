"""CloudFormation's resource schemas, as cfn-lint brings them."""

from __future__ import annotations

import functools
import importlib

_REGION = "us-east-1"  # create-only properties are the same in every region


class SchemasMissing(Exception):
    """cfn-lint is not installed; the message says how to install it."""


@functools.cache
def create_only_properties(kind: str) -> frozenset[str]:
    """Returns a resource type's create-only properties; none for a type without a schema.

    Raises:
        SchemasMissing: cfn-lint is not installed.
    """
    try:
        schemas = importlib.import_module("cfnlint.schema")  # takes a second, and only a comparison needs it
    except ImportError as error:
        raise SchemasMissing(
            "The resource schemas come with cfn-lint: install it with pip install 'cfn-lint==1.58.0'."
        ) from error
    try:
        schema = schemas.PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, kind).schema
    except schemas.ResourceNotFoundError:
        return frozenset()
    paths = schema.get("createOnlyProperties") or ()
    return frozenset(path.split("/")[2] for path in paths if path.startswith("/properties/"))
