"""The JSON schema of a section as a TOML file needs it, and the words for what a field's schema allows."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stacks.settings.fields import ADVICE, ALLOWED, as_written, listing

JsonSchema = dict[str, Any]


class _TomlSchema(GenerateJsonSchema):
    """Leaves out what TOML does not have, null, and titles that only repeat a field's name."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def schema_of(section: type[BaseModel]) -> JsonSchema:
    """Returns the JSON schema of a section without references.

    Editors that know the older drafts ignore what is beside a reference, which is where a field's description is.
    """
    schema = section.model_json_schema(schema_generator=_TomlSchema)
    definitions = schema.pop("$defs", {})
    inlined: JsonSchema = _inlined(schema, definitions)
    return inlined


def _inlined(part: Any, definitions: JsonSchema) -> Any:
    if isinstance(part, list):
        return [_inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    target = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
    merged = target | {key: value for key, value in part.items() if key != "$ref"}
    return {key: _inlined(value, definitions) for key, value in merged.items()}


def choices_of(schema: JsonSchema) -> list[Any] | None:
    """Returns the values that a field's schema lists, or None where it lists none."""
    if schema.get("type") == "boolean":
        return [True, False]
    if "const" in schema:
        return [schema["const"]]
    listed: list[Any] | None = schema.get("enum")
    return listed


def allowed_by(schema: JsonSchema, name: str) -> str:
    """Describes what a field allows, such as "a whole number from 1 to 64 (advice)"; `name` is its qualified name."""
    text = schema.get(ALLOWED) or _constraints(schema, name)
    return f"{text} ({schema[ADVICE]})" if ADVICE in schema else text


def _constraints(schema: JsonSchema, name: str) -> str:
    choices = choices_of(schema)
    if choices is not None:
        return f"one of {listing(map(as_written, choices))}"
    match schema:
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"a whole number from {low} to {high}"
        case {"type": "array", "maxItems": most, "items": {"type": "object"}}:
            return f"at most {most} tables, each headed [[{name}]]"
        case {"type": "array", "maxItems": most}:
            return f"a list of at most {most}, none of them twice"
        case {"type": "object"}:
            return f"a table: [{name}]"
    raise TypeError(f"{name} has a JSON schema that no words are known for: {schema}.")
