"""A varied stage is the one that a synth with those settings makes."""

from collections.abc import Callable

import pytest

with pytest.MonkeyPatch.context() as environment:
    # The CDK's Node process starts at this import and keeps the environment it finds.
    environment.setenv("CDK_VALIDATION", "false")
    from app import build_app

from async_endpoint.planner import PlanError, Stage, simulate, stage_from, vary
from async_endpoint.planner.stage_settings import SETTINGS, StageTemplate
from async_endpoint.planner.sweep import changes
from async_endpoint.planner.usage import monthly_usage
from tests.planner.stages import arriving, conditions, documented, endpoint, stage
from tests.stacks.templates import dev, write_artifacts

StageWith = Callable[..., Stage]
WINDOW = {"name": "office", "start": "08:00", "end": "18:00", "min_instances": 2}


@pytest.fixture(scope="module")
def stage_with(tmp_path_factory: pytest.TempPathFactory) -> StageWith:
    """Returns the stage dev with changed settings, as `dev` takes them, read from its synthesised templates."""
    artifacts = write_artifacts(tmp_path_factory.mktemp("artifacts"))
    (artifacts / "code" / "multi_model_server.py").touch()
    made: dict[str, Stage] = {}

    def stage_(**changed: object) -> Stage:
        key = repr(changed)
        if key not in made:
            assembly = build_app(dev(**changed), artifacts=artifacts, outdir=tmp_path_factory.mktemp("out")).synth()
            made[key] = stage_from([each.template for each in assembly.stacks])
        return made[key]

    return stage_


@pytest.mark.parametrize(
    "values",
    [
        {"scaling.preset": "aws"},
        {"scaling.min_instances": 1},
        {"scaling.max_instances": 7, "scaling.backlog_per_instance": 3},
        {"scaling.max_instances": 30},  # more than a policy has steps
        {
            "scaling.scale_out_cooldown_seconds": 60,
            "scaling.scale_in_cooldown_seconds": 1_500,
            "scaling.wake_cooldown_seconds": 1_000,
        },
        {"scaling.wake_on_submit": False},
        {"scaling.hard_stop": False, "alarms.idle_minutes": 200, "endpoint.request_ttl_seconds": 3_600},
        {"endpoint.instance_type": "ml.g5.2xlarge"},
    ],
    ids=lambda values: "-".join(name.rpartition(".")[2] for name in values),
)
def test_a_varied_setting_is_what_a_synth_makes_of_it(stage_with: StageWith, values: dict[str, object]) -> None:
    synthesised = stage_with(**{name.replace(".", "__"): value for name, value in values.items()})
    assert vary(stage_with(), values) == synthesised  # type: ignore[arg-type]
    assert synthesised != stage_with()
    # The bill is made from the templates.
    outcome = simulate(synthesised, arriving(0.0, seconds=3_600), conditions(1, concurrency=1))
    usage = monthly_usage(vary(stage_with(), values), outcome, 1_000)  # type: ignore[arg-type]
    assert usage == monthly_usage(synthesised, outcome, 1_000)
    # And back: what the templates do not show is given.
    back = {name: StageTemplate(stage_with().template).read().get(name, "ml.g4dn.xlarge") for name in values}
    back["scaling.wake_on_submit"] = True
    assert vary(synthesised, back) == stage_with()
    assert changes(synthesised, values) == {}  # type: ignore[arg-type]


def test_all_settings_have_been_varied() -> None:
    (marks,) = (each for each in test_a_varied_setting_is_what_a_synth_makes_of_it.pytestmark)  # type: ignore[attr-defined]
    assert {name for values in marks.args[1] for name in values} == {*SETTINGS, "endpoint.instance_type"}


def test_warm_windows_follow_the_bounds(stage_with: StageWith) -> None:
    base = {"scaling__warm_windows": [WINDOW], "scaling__max_instances": 4}
    wider = stage_with(**base | {"scaling__max_instances": 8, "scaling__min_instances": 1})
    assert vary(stage_with(**base), {"scaling.max_instances": 8, "scaling.min_instances": 1}) == wider
    with pytest.raises(PlanError, match="a warm window keeps 2, which is not above 2 and at most 4"):
        vary(stage_with(**base), {"scaling.min_instances": 2})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scaling.min_instances": 3}, "scaling.min_instances 3 exceeds scaling.max_instances 2"),
        ({"alarms.idle_minutes": 20}, "alarms.idle_minutes 20 is too short for a request of 721 s"),
    ],
)
def test_settings_that_a_synth_rejects_together_are_impossible(
    stage_with: StageWith, values: dict[str, int], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        vary(stage_with(), values)


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_updates_in_steps_need_two_instances(stage_with: StageWith, strategy: str) -> None:
    instances = {"endpoint__initial_instance_count": 2, "scaling__min_instances": 2, "scaling__max_instances": 4}
    in_steps = stage_with(updates__strategy=strategy, **instances)
    with pytest.raises(PlanError, match="updates in steps need at least 2 instances, and not 1"):
        vary(in_steps, {"scaling.min_instances": 1})
    at_once = stage_with(**instances)
    assert vary(at_once, {"scaling.min_instances": 1}) == stage_with(**instances | {"scaling__min_instances": 1})


def test_what_the_templates_do_not_show_has_to_be_given(stage_with: StageWith) -> None:
    awake = vary(stage_with(), {"scaling.min_instances": 1})
    with pytest.raises(PlanError, match=r"vary scaling\.wake_on_submit as well"):
        vary(awake, {"scaling.min_instances": 0})
    assert vary(awake, {"scaling.min_instances": 0, "scaling.wake_on_submit": True}) == stage_with()


def test_a_stage_without_workflow_has_no_function_to_vary(stage_with: StageWith) -> None:
    alone = stage_with(workflow__enabled=False)
    assert vary(alone, {"scaling.max_instances": 2}) == alone
    with pytest.raises(
        PlanError, match=r"scaling\.wake_on_submit cannot be varied: the function that follows it is not"
    ):
        vary(alone, {"scaling.wake_on_submit": True})


def test_templates_of_something_else_are_a_sentence() -> None:
    for other in (stage(documented()), stage(endpoint())):
        with pytest.raises(PlanError, match="The scaling in the templates is not that of a stage of this project"):
            vary(other, {"scaling.max_instances": 2})
