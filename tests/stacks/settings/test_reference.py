import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import reference
from stacks.settings.stage import StageSettings
from stacks.settings.warm_window import WarmWindow
from tests.stacks.templates import ROOT

DOCS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
Json = dict[str, Any]


@pytest.mark.parametrize("name", reference.FILES)
def test_the_generated_files_are_current(name: str) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert committed == reference.FILES[name](), f"{name} is not current: run `make settings-docs`."


def test_all_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    for name in reference.FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    reference.main()
    for name in reference.FILES:
        assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_of_the_file_has_one_row_with_its_default_and_what_is_allowed() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|", DOCS, re.MULTILINE)
    tables = {name: field for name, field in StageSettings.model_fields.items() if name in reference.sections()}
    known = [name for name in StageSettings.model_fields if name not in tables]
    known += [
        f"{table}.{name}"
        for table, each in reference.sections().items()
        if each is not StageSettings
        for name in each.model_fields
    ]
    assert sorted(rows) == sorted(known)
    assert "| `scaling.max_instances` | `2` | 1 to 1000 |" in DOCS
    assert "| `endpoint.fallback_instance_types` | `[]` | up to 4, each the name of an instance type, such as " in DOCS
    assert '| `notifications.queues` | `[]` | up to 2 of `"success"`, `"error"` |' in DOCS
    assert "| `endpoint.name` | none, required | 1 to 63 letters" in DOCS
    assert "| `alarms.email` | none | an e-mail address" in DOCS


def test_a_template_without_a_place_for_every_table_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "reference.md"
    template.write_text(reference.TEMPLATE.read_text(encoding="utf-8").replace("table: data", "table: date"))
    monkeypatch.setattr(reference, "TEMPLATE", template)
    with pytest.raises(ValueError, match=r"reference\.md needs one place .* for each of stage, data, model,"):
        reference.render_docs()


def test_an_example_is_before_every_table() -> None:
    parts = re.findall(r"^(## .*|```toml|\| setting \|.*)$", DOCS, re.MULTILINE)
    assert sum(part.startswith("| setting") for part in parts) == len(reference.sections())
    assert all(first == "```toml" for first, second in pairwise(parts) if second.startswith("| setting"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example: str) -> None:
    table = tomllib.loads(example)
    named = {"stage": "mine", **table, "endpoint": {"name": "mine", **table.get("endpoint", {})}}
    assert StageSettings.from_table(named).stage == "mine"


def test_the_schema_is_one_that_editors_of_older_drafts_read() -> None:
    text = reference.render_schema()
    for foreign in ('"$ref"', '"$defs"', '"x-', '"null"', "(?P<", "(?=", ".md)", "](#"):
        assert foreign not in text


def test_the_schema_knows_what_the_models_know() -> None:
    schema: Json = json.loads(reference.render_schema())
    properties = schema["properties"]
    assert schema["required"] == ["endpoint"]
    assert "stage" not in properties
    assert properties["scaling"]["properties"]["max_instances"] | {"description": ""} == {
        "default": 2,
        "description": "",
        "maximum": 1000,
        "minimum": 1,
        "type": "integer",
    }
    assert not properties["endpoint"]["additionalProperties"]
    assert not properties["model"]["properties"]["environment"]["additionalProperties"]
    windows = properties["scaling"]["properties"]["warm_windows"]
    assert (windows["maxItems"], windows["items"]["required"]) == (10, ["name", "start", "end"])
    assert windows["items"]["properties"].keys() == WarmWindow.model_fields.keys()
    assert properties["notifications"]["properties"]["queues"]["uniqueItems"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_stage_file_names_the_schema_for_editors(stage: str) -> None:
    text = (ROOT / "config" / f"{stage}.toml").read_text(encoding="utf-8")
    assert text.startswith("#:schema ./settings.schema.json\n")


def descriptions(part: Json) -> list[tuple[str, object]]:
    """Every setting's name and description, tables' included."""
    found = []
    for name, each in part["properties"].items():
        found.append((name, each.get("description")))
        inner = each if "properties" in each else each.get("items", {})
        if "properties" in inner:
            found += descriptions(inner)
    return found


def test_every_setting_has_a_description() -> None:
    assert [name for name, text in descriptions(json.loads(reference.render_schema())) if not text] == []
