"""A stage with varied settings: every combination of values, each simulated with the same traffic."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.other_type import INSTANCE_TYPE, write_instance_type
from async_endpoint.planner.stage_settings import SETTINGS, ImpossibleError, Setting, StageTemplate
from async_endpoint.planner.template import stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from async_endpoint.planner.conditions import Conditions
    from async_endpoint.planner.service_times import ServiceTimes
    from async_endpoint.planner.stage_settings import Value
    from async_endpoint.planner.template import Stage

# Not a setting: what an instance really does at a time.
CONCURRENCY: Final = "concurrency"
_CONCURRENCY = Setting("", CONCURRENCY, 1, 1_000)
_MOST_CONFIGURATIONS = 1_000

Sweep = dict[str, tuple["Value", ...]]


@dataclass(frozen=True)
class Configuration:
    """A stage with some of its settings varied.

    Attributes:
        values: The values of what is varied, by name.
        stage: The stage with them.
        conditions: What is assumed with them.
    """

    values: Mapping[str, Value]
    stage: Stage
    conditions: Conditions

    @property
    def name(self) -> str:
        """What is varied, such as `preset=aws, min_instances=1`."""
        return _listed(self.values)


@dataclass(frozen=True)
class Configurations:
    """The configurations of a sweep.

    Attributes:
        possible: Those that are simulated.
        left_out: Sentences on those that no synth would make.
    """

    possible: list[Configuration] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def parse_sweep(texts: Iterable[str]) -> Sweep:
    """Reads texts such as `scaling.min_instances=0,1`.

    Raises:
        PlanError: A name cannot be varied, or occurs twice, or a value is not one of the setting's.
    """
    found: Sweep = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise PlanError(f"--sweep is NAME=VALUE,VALUE, such as scaling.min_instances=0,1, and not {text!r}.")
        if name in found:
            raise PlanError(f"--sweep varies {name} twice: give all its values at once, separated by commas.")
        parse = _setting(name).parse if name != INSTANCE_TYPE else str
        parsed = tuple(parse(value.strip()) for value in values.split(","))
        if len(set(parsed)) < len(parsed):
            raise PlanError(f"--sweep has a value of {name} twice: {values}.")
        found[name] = parsed
    return found


def configurations(stage: Stage, sweep: Sweep, conditions: Conditions, services: ServiceTimes) -> Configurations:
    """Returns a stage in every combination of values.

    Args:
        stage: The stage as its templates have it.
        sweep: The values by name.
        conditions: What is assumed; its service time and concurrency are replaced where they are varied.
        services: The service time of each type.

    Raises:
        PlanError: A setting cannot be varied in these templates, a type has no service time, or no combination is
            possible.
    """
    count = 1
    for values in sweep.values():
        count *= len(values)
    if count > _MOST_CONFIGURATIONS:
        raise PlanError(f"--sweep has {count:,} combinations: at most {_MOST_CONFIGURATIONS:,} are simulated.")
    named = len(sweep.get(INSTANCE_TYPE, ())) > 1 or sweep.get(INSTANCE_TYPE, (stage.instance_type,)) != (
        stage.instance_type,
    )
    found = Configurations()
    for combination in itertools.product(*sweep.values()):
        chosen = dict(zip(sweep, combination, strict=True))
        try:
            varied = vary(stage, chosen)
        except ImpossibleError as error:
            found.left_out.append(f"{_listed(chosen)}: {error}")
            continue
        assumed = dataclasses.replace(conditions, service=services.of(varied.instance_type, named=named))
        if CONCURRENCY in chosen:
            assumed = dataclasses.replace(assumed, concurrency=int(chosen[CONCURRENCY]))
        found.possible.append(Configuration(chosen, varied, assumed))
    if not found.possible:
        raise PlanError(f"No combination of --sweep is possible: {found.left_out[0]}.")
    return found


def vary(stage: Stage, values: Mapping[str, Value]) -> Stage:
    """Returns a stage as a synth with other settings would make it.

    Raises:
        ImpossibleError: The synth would reject the settings together.
        PlanError: A setting cannot be varied in the stage's templates.
    """
    template = stage.template.copy()
    if INSTANCE_TYPE in values:
        write_instance_type(template, str(values[INSTANCE_TYPE]))
    settings = {name: value for name, value in values.items() if name in SETTINGS}
    if settings:
        StageTemplate(template).write(settings)
    return stage_of(template, stage.region)


def changes(stage: Stage, values: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the settings among varied values that a stage does not have already, or does not show."""
    present: dict[str, Value] = {INSTANCE_TYPE: stage.instance_type}
    if any(name in SETTINGS for name in values):
        present |= StageTemplate(stage.template).read()
    return {name: value for name, value in values.items() if name != CONCURRENCY and present.get(name) != value}


def toml_lines(settings: Mapping[str, Value]) -> list[str]:
    """Returns settings as lines of a stage's file, below the headers of their tables."""
    tables = dict.fromkeys(name.partition(".")[0] for name in settings)
    lines = []
    for table in tables:
        lines.append(f"[{table}]")
        lines += [
            f"{short_name(name)} = {as_toml(value)}" for name, value in settings.items() if name.startswith(f"{table}.")
        ]
    return lines


def short_name(name: str) -> str:
    """Returns a setting's name without its table."""
    return name.rpartition(".")[2]


def as_toml(value: Value, *, quoted: bool = True) -> str:
    """Returns a value as a stage's file has it; a text also without its quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and quoted else str(value)


def _listed(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{short_name(name)}={as_toml(value, quoted=False)}" for name, value in values.items())


def _setting(name: str) -> Setting:
    known = SETTINGS | {CONCURRENCY: _CONCURRENCY}
    if name in known:
        return known[name]
    names = [*known, INSTANCE_TYPE]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"the nearest name is {near[0]}" if near else f"it takes {', '.join(names)}"
    raise PlanError(
        f"--sweep cannot vary {name}: {hint}. For another setting, synthesise the stage with it into a folder of its "
        "own (cdk synth --output) and name both folders."
    )
