import re
import tomllib
from pathlib import Path

import botocore.session
import pytest

from stacks.instance_types import capability_of
from stacks.settings.base import Section
from stacks.settings.endpoint import INFERENCE_AMI_VERSIONS
from stacks.settings.fields import SettingsError, as_written
from stacks.settings.stage import SECTIONS, StageSettings, load_settings
from tests.stacks.templates import ROOT, dev, write_artifacts

CONFIG = ROOT / "config"
WINDOW = {"name": "office-hours", "start": "08:00", "end": "19:00", "time_zone": "Asia/Tokyo"}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_of_the_repository_are_valid(stage: str) -> None:
    assert load_settings(CONFIG, stage).stage == stage


def test_every_field_stands_in_every_stage_file() -> None:
    for path in CONFIG.glob("*.toml"):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        made = load_settings(CONFIG, path.stem)
        sections = [each for each in vars(made).values() if isinstance(each, Section)]
        assert len(sections) == len(SECTIONS)
        for section in sections:
            optional = {name for name, value in vars(section).items() if value is None}
            assert table[section.table].keys() | optional == vars(section).keys(), path.name


def test_settings_cannot_be_changed_once_made() -> None:
    with pytest.raises(AttributeError):
        dev().scaling.max_instances = 9  # type: ignore[misc]  # that it is refused is the point


def test_only_the_endpoint_and_the_stage_need_to_be_named() -> None:
    made = StageSettings.read({"stage": "tiny", "endpoint": {"name": "tiny"}})
    assert (made.region, made.account, made.scaling.min_instances) == ("ap-northeast-1", None, 0)
    assert (made.data.removal_policy, made.termination_protection) == ("retain", True)


@pytest.mark.parametrize(
    ("field", "wrong", "allowed"),
    [
        ("region", "Tokyo", "the name of a region, as ap-northeast-1"),
        ("account", 123456789012, "12 digits, in quotes"),
        ("account", "1234", "12 digits, in quotes"),
        ("termination_protection", "yes", "one of true, false"),
        ("tags", {"aws:owner": "me"}, "not beginning with aws:"),
        ("tags", {"cost": 7}, "a table of texts"),
        ("data__removal_policy", "snapshot", 'one of "destroy", "retain"'),
        ("data__access_logs", 1, "one of true, false"),
        ("data__input_expiration_days", 0, "a whole number from 1 to 3650"),
        ("data__output_expiration_days", 3651, "a whole number from 1 to 3650"),
        ("endpoint__name", "donut_async", "letters, digits and hyphens"),
        ("endpoint__name", "-donut", "a hyphen neither first nor last"),
        ("endpoint__name", "d" * 64, "1 to 63 letters"),
        ("endpoint__framework_version", "2.6.0", 'one of "1.11.0"'),
        ("endpoint__device", "tpu", 'one of "gpu", "cpu"'),
        ("endpoint__initial_instance_count", 0, "a whole number from 1 to 1000"),
        ("endpoint__initial_instance_count", 1001, "a whole number from 1 to 1000"),
        ("endpoint__initial_instance_count", 4.0, "a whole number from 1 to 1000"),
        ("endpoint__initial_instance_count", True, "a whole number from 1 to 1000"),
        ("endpoint__model_download_timeout_seconds", 59, "a whole number from 60 to 3600"),
        ("endpoint__startup_health_check_timeout_seconds", 3601, "a whole number from 60 to 3600"),
        ("endpoint__request_ttl_seconds", 21_601, "a whole number from 60 to 21600"),
        ("endpoint__log_retention_days", 31, "one of 1, 3, 5, 7, 14, 30"),
        ("serving__workers", 0, "a whole number from 1 to 64"),
        ("serving__batch_size", 257, "a whole number from 1 to 256"),
        ("serving__batch_delay_milliseconds", -1, "a whole number from 0 to 60000"),
        ("serving__timeout_seconds", 1801, "a whole number from 1 to 1800"),
        ("serving__load_timeout_seconds", 0, "a whole number from 1 to 3600"),
        ("serving__max_request_bytes", 1_073_741_825, "a whole number from 1 to 1073741824"),
        ("serving__max_response_bytes", 0, "a whole number from 1 to 1073741824"),
        ("scaling__min_instances", -1, "a whole number from 0 to 1000"),
        ("scaling__max_instances", 0, "a whole number from 1 to 1000"),
        ("scaling__backlog_per_instance", 0, "a whole number from 1 to 100000"),
        ("scaling__scale_out_cooldown_seconds", -1, "a whole number from 0 to 86400"),
        ("scaling__scale_in_cooldown_seconds", "300", "a whole number from 0 to 86400"),
        ("scaling__wake_cooldown_seconds", 86_401, "a whole number from 0 to 86400"),
        ("workflow__job_retention_days", 0, "a whole number from 1 to 3650"),
        ("workflow__max_attempts", 0, "a whole number from 1 to 1000"),
        ("workflow__batch_size", 11, "a whole number from 1 to 10"),
        ("workflow__max_concurrency", 1, "a whole number from 2 to 1000"),
        ("workflow__timeout_seconds", 901, "a whole number from 3 to 900"),
        ("workflow__memory_mb", 127, "a whole number from 128 to 10240"),
        ("workflow__log_retention_days", 31, "one of 1, 3, 5, 7, 14, 30"),
        ("workflow__enabled", "no", "one of true, false"),
        ("nist_800_53", "yes", "one of true, false"),
        ("encryption", "none", 'one of "aws-managed", "customer-managed"'),
        ("model__folder", "../elsewhere", "a folder below the repository's"),
        ("model__folder", "/srv/model", "a folder below the repository's"),
        ("model__source", "hub", 'one of "built", "archive", "prefix"'),
        ("model__dependencies", "vendored", 'one of "included", "install"'),
        ("model__environment", {"a-b": "1"}, "of letters, digits and underscores"),
        ("model__environment", {"OMP_NUM_THREADS": 1}, "a table of texts in quotes"),
        ("endpoint__provision_timeout_seconds", 299, "a whole number from 300 to 3600"),
        ("endpoint__volume_gb", 513, "a whole number from 1 to 512"),
        ("endpoint__image_uri", "pytorch:latest", "an image"),
        ("data__further_input_locations", ["bucket"], "of item 1"),
        ("data__further_input_locations", ["s3://bucket/*"], "of item 1"),
        ("output__path", "s3:/bucket", "the stage's output bucket"),
        ("output__failure_path", "nowhere", "the stage's output bucket"),
        ("notifications__success", 1, "one of true, false"),
        ("notifications__queues", ["succes"], "of item 1"),
        ("notifications__include_response", ["error", "error"], "twice"),
        ("network__isolation", "on", "one of true, false"),
        ("network__subnet_ids", ["subnet-1"], "a subnet's id"),
        ("network__security_group_ids", ["sg-x"], "a security group's id"),
        ("scaling__enabled", "on", "one of true, false"),
        ("scaling__preset", "fast", 'one of "responsive", "aws"'),
        ("scaling__idle_utilization_percent", 0, "a whole number from 1 to 100"),
        ("scaling__hard_stop", "dev", "one of true, false"),
        ("updates__strategy", "big-bang", 'one of "all-at-once", "canary", "linear", "rolling"'),
        ("updates__step_percent", 51, "a whole number from 5 to 50"),
        ("updates__wait_seconds", 3601, "a whole number from 0 to 3600"),
        ("updates__termination_wait_seconds", -1, "a whole number from 0 to 3600"),
        ("updates__maximum_execution_seconds", 599, "a whole number from 600 to 28800"),
        ("updates__rollback_failures", 0, "a whole number from 1 to 100000"),
        ("alarms__email", "team", "an e-mail address"),
        ("alarms__stuck_minutes", 2, "a whole number from 3 to 1400"),
        ("alarms__oldest_request_seconds", 59, "a whole number from 60 to 21600"),
        ("alarms__idle_minutes", 4, "a whole number from 5 to 1400"),
        ("alarms__queue_age_seconds", 1, "a whole number from 60 to 604800"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_field_and_what_is_allowed(
    field: str, wrong: object, allowed: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        dev(**{field: wrong})
    message = str(refused.value)
    assert message.startswith(f"{field.replace('__', '.')} is {as_written(wrong)}; ")
    assert allowed in message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"endpoint__instance_type": "ml.m5d.xlarge"},
            'device is "gpu" but .* "ml.m5d.xlarge" is a CPU type; set device',
        ),
        ({"endpoint__device": "cpu"}, 'device is "cpu" but .* "ml.g4dn.xlarge" is a GPU type; set device = "gpu"'),
        ({"endpoint__instance_type": "ml.inf1.xlarge"}, "run on no Inferentia or Trainium: choose"),
        ({"endpoint__instance_type": "ml.inf2.xlarge"}, "run on no Inferentia or Trainium: choose"),
        ({"endpoint__instance_type": "ml.trn1.2xlarge"}, "run on no Inferentia or Trainium: choose"),
        ({"endpoint__instance_type": "ml.c7g.xlarge"}, "do not run on Graviton: choose"),
        ({"endpoint__instance_type": "ml.x9.large"}, "its family must begin with one of c, m, r, t, g, gr, p"),
        ({"endpoint__instance_type": "g4dn.xlarge"}, "it must be the name of an instance type"),
        ({"endpoint__instance_type": "ml.g4dn"}, "it must be the name of an instance type"),
        (
            {"scaling__min_instances": 3},
            "min_instances is 3 and scaling.max_instances 2; .* lower min_instances or raise",
        ),
        ({"endpoint__initial_instance_count": 3}, "initial_instance_count is 3 and scaling.max_instances 2; .* lower"),
        (
            {"workflow__max_attempts": 97, "workflow__timeout_seconds": 900},
            "max_attempts is 97 and workflow.timeout_seconds 900; .* may take 6 days, and would take 6.1: lower the",
        ),
        ({"region": "mx-central-1"}, 'region is "mx-central-1"; AWS publishes no PyTorch serving image there: choose'),
        ({"region": "eu-west-9"}, 'region is "eu-west-9"; AWS publishes no PyTorch serving image there: choose'),
        (
            {"region": "cn-north-1"},
            'region is "cn-north-1", of the partition aws-cn; .* for the partition aws alone: choose',
        ),
        ({"endpoint__initial_instance_cont": 4}, "no setting; .* endpoint.initial_instance_count"),
        ({"acount": "123456789012"}, "acount is no setting; the nearest name is account"),
        ({"scaling__zzz": 1}, "scaling.zzz is no setting; the settings here are enabled, preset, min_instances, "),
        ({"serving__timeout_seconds": 1700}, "timeout_seconds is 1700 .* SageMaker waits for at most 3600: lower"),
        (
            {"alarms__idle_minutes": 24},
            r"idle_minutes is 24, and \[serving\] lets a single request take 841 seconds, .*: set idle_minutes to 25",
        ),
        ({"serving": 3}, r"serving is 3; it must be a table: \[serving\]"),
        ({"endpoint__fallback_instance_types": ["ml.g4dn.xlarge"]}, "which is endpoint.instance_type: take it out"),
        (
            {"endpoint__fallback_instance_types": ["ml.g5.xlarge", "ml.m5.xlarge"]},
            'fallback_instance_types "ml.m5.xlarge" is a CPU type',
        ),
        (
            {"endpoint__inference_ami_version": "al2-ami-sagemaker-inference-gpu-4"},
            'inference_ami_version is "al2-ami-sagemaker-inference-gpu-4"; it must be one of .*al2023-',
        ),
        (
            {
                "endpoint__inference_ami_version": "al2-ami-sagemaker-inference-gpu-3-1",
                "endpoint__device": "cpu",
                "endpoint__instance_type": "ml.m5d.xlarge",
            },
            'inference_ami_version is .* and endpoint.device "cpu"; these machine images are for GPUs: take it out',
        ),
        ({"endpoint__volume_gb": 50}, "volume_gb is 50 but .* brings its own NVMe storage and takes no volume"),
        ({"model__location": "s3://b-1/m.tar.gz"}, "take the location out, or set source"),
        ({"model__source": "archive"}, "location is missing .* ends in .tar.gz"),
        ({"model__source": "archive", "model__location": "s3://b-1/model/"}, "give an archive in S3 that ends in"),
        ({"model__source": "prefix", "model__location": "s3://b-1/model"}, "give a prefix in S3 that ends in /"),
        (
            {"network__isolation": True, "model__dependencies": "install"},
            'isolation is true and model.dependencies "install"; an isolated container reaches no package index',
        ),
        ({"network__subnet_ids": ["subnet-0123456789abcdef0"]}, "security_group_ids is empty; .* need both: add"),
        ({"output__path": "none"}, "answers would reach nobody: give a path, or include the response"),
        (
            {"output__failure_path": "none", "notifications__error": False, "workflow__enabled": False},
            "failures would leave no trace: give a path, or set error = true",
        ),
        ({"notifications__success": False}, "success is false and workflow.enabled true; .* set success = true, or"),
        (
            {"notifications__error": False, "workflow__enabled": False, "notifications__queues": ["error"]},
            'queues names "error" and notifications.error is false',
        ),
        (
            {"updates__termination_wait_seconds": 299},
            "updates.termination_wait_seconds is 299: .* watched for at least 300 seconds, .* would be for 299.",
        ),
        (
            {
                "updates__strategy": "rolling",
                "updates__wait_seconds": 60,
                "endpoint__initial_instance_count": 2,
                "scaling__min_instances": 2,
            },
            "updates.wait_seconds is 60: .* watched for at least 300 seconds, .* would be for 60. Raise it",
        ),
        (
            {"updates__strategy": "rolling"},
            'strategy is "rolling", with endpoint.initial_instance_count 1 and scaling.min_instances 0; .* at least 2',
        ),
        (
            {
                "updates__strategy": "linear",
                "updates__step_percent": 5,
                "endpoint__initial_instance_count": 2,
                "scaling__min_instances": 2,
            },
            "a linear step is from 10 to 50 percent: raise it",
        ),
        ({"scaling__warm_windows": [WINDOW], "scaling__enabled": False}, "only scaling opens and closes them"),
        ({"scaling__warm_windows": [WINDOW | {"min_instances": 3}]}, "not above scaling.max_instances, 2"),
        ({"scaling__warm_windows": [WINDOW], "scaling__min_instances": 1}, "above scaling.min_instances, 1"),
        ({"scaling__warm_windows": [WINDOW | {"time_zone": "Europe/Vienn"}]}, "it must be the name of a time zone"),
        ({"scaling__warm_windows": [WINDOW | {"days": "MO-FR"}]}, "it must be days, as MON-FRI"),
        ({"scaling__warm_windows": [WINDOW | {"start": "8:00"}]}, "it must be a time of day, as 08:00"),
        ({"scaling__warm_windows": [WINDOW | {"end": "07:00"}]}, "a window ends on the day on which it starts"),
        ({"scaling__warm_windows": [WINDOW | {"begin": "07:00"}]}, "scaling.warm_windows.begin is no setting"),
        ({"scaling__warm_windows": [WINDOW, WINDOW]}, 'two windows named "office-hours"'),
        (
            {"scaling__warm_windows": [WINDOW, WINDOW | {"name": "late", "start": "19:00", "end": "20:00"}]},
            "office-hours and late overlap or touch",
        ),
        ({"scaling__warm_windows": "always"}, r"at most 10 tables, each headed \[\[scaling.warm_windows\]\]"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_with_what_to_do(changed: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        dev(**changed)


@pytest.mark.parametrize(
    "instance_type",
    [
        "ml.p3.2xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge", "ml.p4de.24xlarge", "ml.g4dn.xlarge", "ml.g5.xlarge",
        "ml.g6.xlarge", "ml.g6e.xlarge", "ml.gr6.4xlarge",
    ],
)  # fmt: skip
def test_gpu_types_that_the_image_s_cuda_serves_are_accepted(instance_type: str) -> None:
    assert dev(endpoint__instance_type=instance_type).endpoint.instance_type == instance_type


@pytest.mark.parametrize(
    ("instance_type", "capability"),
    [
        ("ml.p2.xlarge", "3.7"),
        ("ml.g3.4xlarge", "5.2"),
        ("ml.p5.4xlarge", "9.0"),
        ("ml.p5en.48xlarge", "9.0"),
        ("ml.p6-b200.48xlarge", "10.0"),
        ("ml.p6e-gb200.36xlarge", "10.0"),
        ("ml.g7e.2xlarge", "12.0"),
    ],
)
def test_gpu_types_that_the_image_s_cuda_does_not_serve_are_refused_with_the_reason(
    instance_type: str, capability: str
) -> None:
    for field, value in (("instance_type", instance_type), ("fallback_instance_types", [instance_type])):
        with pytest.raises(SettingsError) as refused:
            dev(**{f"endpoint__{field}": value})
        assert str(refused.value) == (
            f'endpoint.{field} is "{instance_type}"; its GPU is of compute capability {capability}, and the image of '
            "PyTorch 1.11.0 (CUDA 11.3) serves 7.0 to 8.9: choose a type that it serves, such as ml.g4dn.xlarge or "
            "ml.g5.xlarge, or give an endpoint.image_uri."
        )


@pytest.mark.parametrize("instance_type", ["ml.p9.48xlarge", "ml.g8.xlarge", "ml.g4ad.xlarge", "ml.p6-b400.48xlarge"])
def test_gpu_types_of_a_family_that_is_not_known_are_refused(instance_type: str) -> None:
    with pytest.raises(SettingsError, match=r"of its GPU is not known here, and the image of PyTorch 1\.11\.0"):
        dev(endpoint__instance_type=instance_type)


@pytest.mark.parametrize("instance_type", ["ml.p5.48xlarge", "ml.p2.xlarge", "ml.p9.48xlarge"])
def test_gpu_types_under_an_image_of_one_s_own_are_not_judged(instance_type: str) -> None:
    uri = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"
    made = dev(endpoint__image_uri=uri, endpoint__instance_type=instance_type)
    assert made.endpoint.instance_type == instance_type


def test_every_gpu_type_that_sagemaker_offers_is_of_a_known_family() -> None:
    offered = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    gpus = [each for each in offered.metadata["enum"] if re.match(r"ml\.(g|gr|p)\d", each)]
    assert len(gpus) > 50
    assert [each for each in gpus if capability_of(each) is None] == []


def test_the_machine_images_for_gpus_are_those_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    offered = model.shape_for("ProductionVariantInferenceAmiVersion").metadata["enum"]
    assert [each for each in offered if "neuron" not in each] == list(INFERENCE_AMI_VERSIONS)


@pytest.mark.parametrize("instance_type", ["ml.m5d.xlarge", "ml.c6i.large", "ml.r5.large", "ml.t2.medium"])
def test_cpu_types_are_known_by_their_letters(instance_type: str) -> None:
    made = dev(endpoint__instance_type=instance_type, endpoint__device="cpu")
    assert made.image.uri.endswith(":1.11.0-cpu-py38-ubuntu20.04-sagemaker")


def test_an_unknown_stage_is_answered_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match=r'stage is "production", .* choose one .*: dev, prod\.'):
        load_settings(CONFIG, "production")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[endpoint", "config/dev.toml is not TOML: "),
        ("[endpoint]\n", "config/dev.toml: endpoint.name is missing; add it"),
        ("", "config/dev.toml: endpoint.name is missing; add it"),
        ('stage = "prod"\n', "config/dev.toml: stage is no setting of the file"),
        (
            '[endpoint]\nname = "a"\ninitial_instance_count = 0\n',
            "config/dev.toml: endpoint.initial_instance_count is 0",
        ),
    ],
)
def test_a_mistake_is_told_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "dev.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as refused:
        load_settings(folder, "dev")
    assert "\n" not in str(refused.value)


def test_a_stage_name_must_fit_into_stack_names(tmp_path: Path) -> None:
    (tmp_path / "Dev_1.toml").write_text('[endpoint]\nname = "a"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match='stage is "Dev_1"; it must be a short lower-case name'):
        load_settings(tmp_path, "Dev_1")


@pytest.mark.parametrize(
    ("made", "message"),
    [((), "which is not there; give the folder"), (("code",), "which has no code/inference.py; give")],
)
def test_a_folder_without_a_model_in_it_is_refused(tmp_path: Path, made: tuple[str, ...], message: str) -> None:
    for name in made:
        (tmp_path / "mine" / name).mkdir(parents=True)
    with pytest.raises(SettingsError, match=f'model.folder is "mine", {message}'):
        dev(model__folder="mine").model.artifacts_in(tmp_path)


def test_a_folder_of_ones_own_is_found_from_the_repositorys(tmp_path: Path) -> None:
    write_artifacts(tmp_path / "models" / "mine")
    assert dev(model__folder="models/mine").model.artifacts_in(tmp_path) == tmp_path / "models" / "mine"


def test_a_model_that_is_not_built_here_needs_no_folder(tmp_path: Path) -> None:
    changed: dict[str, object] = {"model__source": "archive", "model__location": "s3://models/donut.tar.gz"}
    dev(**changed).model.artifacts_in(tmp_path)
