"""Reads templates: the only resource of a type, its dependencies, a policy's statements, text without digests."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk.assertions import Template

from stacks.settings.stage import StageSettings

JsonObject = dict[str, Any]
StacksOf = Callable[[str], dict[str, Template]]
StacksWith = Callable[..., dict[str, Template]]
TemplateWith = Callable[..., Template]

ROOT = Path(__file__).resolve().parents[2]

# What the serving toolkit calls, as it calls them.
FUNCTIONS = """\
def model_fn(model_dir): ...
def input_fn(body, content_type): ...
def predict_fn(data, model): ...
def output_fn(prediction, accept): ...
"""


def of_foundation(output: str) -> JsonObject:
    """A value of the dev foundation as another stack reads it."""
    return {
        "Fn::GetStackOutput": {
            "StackName": "async-endpoint-dev-foundation",
            "Region": "ap-northeast-1",
            "OutputName": f"PublishOutput{output}",
        }
    }


def published(template: Template, name: str, stage: str = "dev") -> JsonObject:
    """A published value of the foundation as another stack's template reads it."""
    (found,) = (
        parameter_id
        for parameter_id, parameter in template.find_parameters("*").items()
        if parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
        and parameter.get("Default") == f"/async-endpoint/{stage}/{name}"
    )
    return {"Ref": found}


INPUT = of_foundation("FnGetAttDocumentsInput5105A6EAArnEE455B18")
OUTPUT = of_foundation("FnGetAttDocumentsOutput5AB822FAArn7B2F6DBD")
JOBS = of_foundation("FnGetAttJobsTable10C8EDF6Arn82E7C013")


def below(whole: JsonObject, part: str) -> JsonObject:
    """The ARN of objects in a bucket, or of an index of a table."""
    return {"Fn::Join": ["", [whole, part]]}


def dev(**changed: object) -> StageSettings:
    """The dev stage with changes, each given as table__field=value, or field=value at the top."""
    table: dict[str, Any] = tomllib.loads((ROOT / "config" / "dev.toml").read_text(encoding="utf-8"))
    for name, value in changed.items():
        *tables, field = name.split("__")
        place = table[tables[0]] if tables else table
        place[field] = value
    return StageSettings.from_table({"stage": "dev", **table})


def write_artifacts(folder: Path) -> Path:
    """Writes the least that can be packed."""
    for name, text in (("my_model/model.pth", "weights"), ("code/inference.py", FUNCTIONS)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def only(template: Template, resource_type: str) -> tuple[str, JsonObject]:
    """Logical id and definition of the only resource of a type."""
    ((logical_id, definition),) = template.find_resources(resource_type).items()
    return logical_id, dict(definition)


def properties(template: Template, resource_type: str) -> JsonObject:
    """The properties of the only resource of a type."""
    found: JsonObject = only(template, resource_type)[1]["Properties"]
    return found


def id_of(template: Template, resource_type: str, logical_id_prefix: str) -> str:
    """The logical id that begins so, of the one such resource of a type."""
    (logical_id,) = (each for each in template.find_resources(resource_type) if each.startswith(logical_id_prefix))
    return logical_id


def by_id_prefix(template: Template, resource_type: str, logical_id_prefix: str) -> JsonObject:
    """The resource whose logical id begins so."""
    return dict(template.find_resources(resource_type)[id_of(template, resource_type, logical_id_prefix)])


def statements_of(template: Template, policy: str) -> list[JsonObject]:
    """The statements of the managed policy whose logical id begins so."""
    properties = by_id_prefix(template, "AWS::IAM::ManagedPolicy", policy)["Properties"]
    found: list[JsonObject] = properties["PolicyDocument"]["Statement"]
    return found


def by_sid(template: Template, policy: str = "ExecutionPermissions") -> dict[str, JsonObject]:
    """The statements of such a policy by their sids."""
    return {statement["Sid"]: statement for statement in statements_of(template, policy)}


def alarm_metrics(alarm: JsonObject) -> dict[str, tuple[str, str, list[str], str]]:
    """The metrics of an alarm's expression: id → namespace, name, names of the dimensions, and statistic."""
    found = {}
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            metric, statistic = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
            names = [each["Name"] for each in metric["Dimensions"]]
            found[query["Id"]] = (metric["Namespace"], metric["MetricName"], names, statistic)
            assert query["MetricStat"]["Period"] == 60
            assert query["ReturnData"] is False
    return found


def alarm_expression(alarm: JsonObject) -> str:
    """The expression whose result an alarm compares."""
    (result,) = (query for query in alarm["Metrics"] if "Expression" in query)
    assert result["ReturnData"] is True
    return str(result["Expression"])


def waits_for(template: Template, logical_id: str) -> set[str]:
    """Everything that CloudFormation makes before a resource: named in DependsOn, or referred to, at any remove."""
    resources = template.to_json()["Resources"]
    found: set[str] = set()
    ahead = [logical_id]
    while ahead:
        for each in _named_in(resources[ahead.pop()]) & resources.keys() - found:
            found.add(each)
            ahead.append(each)
    return found


def _named_in(value: Any) -> set[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case dict():
            inside = set().union(*map(_named_in, value.values())) if value else set()
            depends_on = value.get("DependsOn", [])
            return inside | set(depends_on if isinstance(depends_on, list) else [depends_on])
        case list():
            return set().union(*map(_named_in, value)) if value else set()
        case _:
            return set()


def without_hashes(template: Template) -> str:
    """A template's text with the digests of assets replaced, so that a new model is no change of the stack."""
    text = json.dumps(template.to_json(), indent=2, sort_keys=True)
    text = re.sub(r'("MODEL_VERSION": )"[0-9a-f]{12}"', r'\1"DIGEST"', text)
    return re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
