import tomllib
from pathlib import Path

import pytest

from stacks.settings.base import Section
from stacks.settings.fields import SettingsError
from stacks.settings.stage import StageSettings, load_settings
from tests.stacks.settings.checks import check_choices, check_switch, check_text, rejection
from tests.stacks.templates import ROOT, dev

CONFIG = ROOT / "config"
NAMED: dict[str, object] = {"stage": "tiny", "endpoint": {"name": "tiny"}}
TWO_ALWAYS: dict[str, object] = {"endpoint__initial_instance_count": 2, "scaling__min_instances": 2}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_of_the_repository_are_valid(stage: str) -> None:
    assert load_settings(CONFIG, stage).stage == stage


def test_every_setting_is_in_every_stage_file() -> None:
    for path in CONFIG.glob("*.toml"):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        made = load_settings(CONFIG, path.stem)
        sections = [each for each in vars(made).values() if isinstance(each, Section)]
        assert len(sections) == 12
        for section in sections:
            optional = {name for name, value in vars(section).items() if value is None}
            assert table[section.table].keys() | optional == vars(section).keys(), path.name


def test_only_the_endpoint_and_the_stage_need_to_be_named() -> None:
    made = StageSettings.from_table(NAMED)
    assert (made.region, made.account, made.scaling.min_instances) == ("ap-northeast-1", None, 0)
    assert (made.data.removal_policy, made.termination_protection) == ("retain", True)


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("region", ("Tokyo", "ap-northeast", "ap-northeast-1a"), "the name of a region, such as ap-northeast-1"),
        ("account", ("1234", "١٢٣٤٥٦٧٨٩٠١٢"), "an account number of 12 digits, in quotes"),
    ],
)
def test_texts_have_their_form(name: str, wrong: tuple[str, ...], allowed: str) -> None:
    check_text(StageSettings, name, *wrong, allowed=allowed, **NAMED)


def test_an_account_is_not_a_number() -> None:
    assert rejection(StageSettings, **NAMED, account=123456789012) == (
        "account is 123456789012; it must be an account number of 12 digits, in quotes."
    )


@pytest.mark.parametrize("name", ["termination_protection", "nist_800_53"])
def test_a_switch_is_on_or_off(name: str) -> None:
    check_switch(StageSettings, name, **NAMED)


def test_data_is_encrypted_with_one_of_two_kinds_of_keys() -> None:
    check_choices(StageSettings, "encryption", "aws-managed", "customer-managed", **NAMED)


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:owner": "me"},
        {"AWS:owner": "me"},
        {"cost": 7},
        {"": "empty"},
        {"k" * 129: "long"},
        {"long": "v" * 257},
        ["cost"],
    ],
)
def test_tags_are_those_that_cloudformation_accepts(tags: object) -> None:
    assert rejection(StageSettings, **NAMED, tags=tags).endswith(
        "; it must be a table of texts: keys of 1 to 128 characters not beginning with aws:, values of up to 256."
    )
    longest = {"k" * 128: "v" * 256, "awsome": ""}
    assert StageSettings.from_table({**NAMED, "tags": longest}).tags == longest


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scaling__max_instances": 0}, "scaling.max_instances is 0; it must be a whole number from 1 to 1000 "),
        ({"endpoint__initial_instance_cont": 4}, "cont is not a setting; .* is endpoint.initial_instance_count"),
        ({"acount": "123456789012"}, "acount is not a setting; the nearest name is account"),
        ({"scalling": {}}, "scalling is not a setting; the nearest name is scaling"),
        ({"scaling__zzz": 1}, "scaling.zzz is not a setting; the settings here are enabled, preset, min_instances, "),
        ({"serving": 3}, r"serving is 3; it must be a table: \[serving\]"),
        ({"scaling__warm_windows": [{"start": "8:00"}]}, "scaling.warm_windows.name is missing; add it"),
        ({"model__environment": {"TS_MAX_REQUEST_SIZE": "1"}}, "which serving.max_request_bytes decides"),
    ],
)
def test_a_problem_is_named_with_its_table(changed: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        dev(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"region": "us-gov-west-1"},
            'region is "us-gov-west-1", of the partition aws-us-gov; .* for the partition aws alone: choose',
        ),
        ({"region": "eu-west-9"}, 'region is "eu-west-9"; AWS publishes no PyTorch serving image there: choose'),
        (
            {"region": "cn-north-1"},
            'region is "cn-north-1", of the partition aws-cn; .* for the partition aws alone: choose',
        ),
        ({"endpoint__initial_instance_count": 3}, "initial_instance_count is 3 and scaling.max_instances 2; .* lower"),
        (
            {"updates__strategy": "rolling"},
            'strategy is "rolling", with endpoint.initial_instance_count 1 and scaling.min_instances 0; .* at least 2',
        ),
        ({"serving__timeout_seconds": 1700}, "timeout_seconds is 1700 .* SageMaker waits for at most 3600: lower"),
        (
            {"alarms__idle_minutes": 22},
            r"idle_minutes is 22, and \[serving\] lets a single request take 721 seconds, .*: set idle_minutes to 23",
        ),
        (
            {"network__isolation": True, "model__dependencies": "install"},
            'isolation is true and model.dependencies "install"; an isolated container reaches no package index',
        ),
        ({"output__path": "none"}, "results would reach nobody: give a path, or include the response"),
        (
            {"output__failure_path": "none", "notifications__error": False, "workflow__enabled": False},
            "failures would leave no trace: give a path, or set error = true",
        ),
        (
            {
                "notifications__webhook_url": "https://example.com",
                "notifications__webhook_secret": "webhook",
                "workflow__enabled": False,
            },
            "webhook_url is set and workflow.enabled false; .* set enabled = true, or take webhook_url out",
        ),
        (
            {"notifications__tag_documents": True, "workflow__enabled": False},
            "tag_documents is true and workflow.enabled false; .* set enabled = true, or tag_documents = false",
        ),
        ({"notifications__success": False}, "success is false and workflow.enabled true; .* set success = true, or"),
    ],
)
def test_settings_that_do_not_go_together_are_rejected_with_what_to_do(
    changed: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        dev(**changed)


def test_updates_in_steps_are_accepted_with_two_instances_at_all_times() -> None:
    assert dev(updates__strategy="rolling", **TWO_ALWAYS).updates.in_steps


def test_without_scaling_every_first_instance_is_kept_warm() -> None:
    assert dev(scaling__enabled=False, endpoint__initial_instance_count=3).kept_warm == 3
    assert dev().kept_warm == 0


def test_the_smallest_type_decides_the_workers_unless_their_number_is_set() -> None:
    types = {"instance_type": "ml.g5.48xlarge", "fallback_instance_types": ["ml.g5.12xlarge"]}
    made = StageSettings.from_table({**NAMED, "endpoint": {"name": "tiny", **types}})
    assert made.limits.workers == 4
    made = StageSettings.from_table({**NAMED, "endpoint": {"name": "tiny", **types}, "serving": {"workers": 2}})
    assert made.limits.environment["SAGEMAKER_TS_MAX_WORKERS"] == "2"


def test_an_unknown_stage_is_reported_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match=r'stage is "production", .* choose one .*: dev, prod\.'):
        load_settings(CONFIG, "production")


def test_another_image_replaces_the_stage_s_and_the_base_of_an_own_one(tmp_path: Path) -> None:
    own = 'image = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/mine:1"\nimage_base = "pytorch-2.6"\n'
    (tmp_path / "mine.toml").write_text(f'[endpoint]\nname = "donut"\n{own}', encoding="utf-8")
    made = load_settings(tmp_path, "mine", image="huggingface-2.6")
    assert made.image.base.name == "huggingface-2.6"
    assert made.image.exact
    assert load_settings(tmp_path, "mine").image.base.name == "pytorch-2.6"
    with pytest.raises(SettingsError, match=r"endpoint\.image is"):
        load_settings(tmp_path, "mine", image="pytorch-9")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[endpoint", "config/dev.toml is not TOML: "),
        ("[endpoint]\n", "config/dev.toml: endpoint.name is missing; add it"),
        ("", "config/dev.toml: endpoint.name is missing; add it"),
        ('stage = "prod"\n', "config/dev.toml: stage is not a setting of the file"),
        (
            '[endpoint]\nname = "a"\ninitial_instance_count = 0\n',
            "config/dev.toml: endpoint.initial_instance_count is 0",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "dev.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as rejected:
        load_settings(folder, "dev")
    assert "\n" not in str(rejected.value)


def test_a_stage_name_must_fit_into_stack_names(tmp_path: Path) -> None:
    (tmp_path / "Dev_1.toml").write_text('[endpoint]\nname = "a"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match='stage is "Dev_1"; it must be a short lower-case name'):
        load_settings(tmp_path, "Dev_1")
