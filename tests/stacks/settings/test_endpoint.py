import re
from typing import get_args

import botocore.session
import pytest

from stacks.instance_types import capability_of
from stacks.serving_images import TAGS, FrameworkVersion
from stacks.settings.endpoint import EndpointSettings, InferenceAmiVersion
from stacks.settings.fields import SettingsError
from tests.stacks.settings.checks import check_choices, check_range, check_text, rejection
from tests.stacks.templates import dev

OWN_IMAGE = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"


def test_the_name_is_one_that_sagemaker_accepts() -> None:
    allowed = "1 to 63 letters, digits and hyphens, a hyphen neither first nor last"
    check_text(EndpointSettings, "name", "donut_async", "-donut", "donut-", "d" * 64, "", "donut\n", allowed=allowed)
    for accepted in ("d", "Donut--2", "d" * 63):
        assert EndpointSettings.from_table({"name": accepted}).name == accepted


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("initial_instance_count", 1, 1000),
        ("model_download_timeout_seconds", 60, 3600),
        ("startup_health_check_timeout_seconds", 60, 3600),
        ("request_ttl_seconds", 60, 21_600),
        ("provision_timeout_seconds", 300, 3600),
    ],
)
def test_every_number_has_a_range(name: str, low: int, high: int) -> None:
    check_range(EndpointSettings, name, low=low, high=high, name="donut")


def test_the_volume_has_a_range_where_it_is_given() -> None:
    check_range(EndpointSettings, "volume_gb", low=1, high=512, name="donut", instance_type="ml.p3.2xlarge")
    assert EndpointSettings.from_table({"name": "donut"}).volume_gb is None


def test_the_framework_version_is_one_with_images() -> None:
    check_choices(EndpointSettings, "framework_version", "1.11.0", name="donut")
    assert {version for version, _ in TAGS} == set(get_args(FrameworkVersion))


def test_the_device_is_one_of_two() -> None:
    assert rejection(EndpointSettings, name="donut", device="tpu") == (
        'endpoint.device is "tpu"; it must be one of "cpu", "gpu".'
    )
    assert 'endpoint.device is 1; it must be one of "cpu", "gpu".' in rejection(EndpointSettings, name="a", device=1)


def test_logs_are_kept_for_a_period_of_cloudwatch_logs() -> None:
    message = rejection(EndpointSettings, name="donut", log_retention_days=31)
    assert message.startswith("endpoint.log_retention_days is 31; it must be one of 1, 3, 5, 7, 14, 30, 60, ")
    assert message.endswith(" (the periods of CloudWatch Logs).")


def test_an_own_image_is_in_ecr() -> None:
    allowed = (
        "an image in ECR with its tag or digest, such as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"
    )
    wrong = ("pytorch:latest", OWN_IMAGE.removesuffix(":1"), f"docker.io/{OWN_IMAGE}")
    check_text(EndpointSettings, "image_uri", *wrong, allowed=allowed, name="donut")
    assert EndpointSettings.from_table({"name": "donut", "image_uri": OWN_IMAGE}).image_uri == OWN_IMAGE


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"instance_type": "ml.m5d.xlarge"}, 'device is "gpu" but .* "ml.m5d.xlarge" is a CPU type; set device'),
        ({"device": "cpu"}, 'device is "cpu" but .* "ml.g4dn.xlarge" is a GPU type; set device = "gpu"'),
        ({"instance_type": "ml.inf1.xlarge"}, "Inferentia or Trainium: choose"),
        ({"instance_type": "ml.inf2.xlarge"}, "Inferentia or Trainium: choose"),
        ({"instance_type": "ml.trn1.2xlarge"}, "Inferentia or Trainium: choose"),
        ({"instance_type": "ml.c7g.xlarge"}, "Graviton: choose"),
        ({"instance_type": "ml.x9.large"}, "its family must begin with one of c, m, r, t, g, gr, p"),
        ({"instance_type": "g4dn.xlarge"}, "it must be the name of an instance type"),
        ({"instance_type": "ml.g4dn"}, "it must be the name of an instance type"),
        ({"fallback_instance_types": ["ml.g4dn.xlarge"]}, "which is endpoint.instance_type: take it out"),
        ({"fallback_instance_types": ["ml.g5.xlarge", "ml.m5.xlarge"]}, 'types "ml.m5.xlarge" is a CPU type'),
        ({"fallback_instance_types": ["ml.g5.xlarge", "g5"]}, 'of item 2, "g5", it must be the name of an instance'),
        (
            {"inference_ami_version": "al2-ami-sagemaker-inference-gpu-4"},
            'inference_ami_version is "al2-ami-sagemaker-inference-gpu-4"; it must be one of .*al2023-',
        ),
        (
            {
                "inference_ami_version": "al2-ami-sagemaker-inference-gpu-3-1",
                "device": "cpu",
                "instance_type": "ml.m5d.xlarge",
            },
            'inference_ami_version is .* and endpoint.device "cpu"; these machine images are for GPUs: take it out',
        ),
        ({"volume_gb": 50}, "volume_gb is 50 but .* brings its own NVMe storage and takes no volume"),
    ],
)
def test_image_volume_and_instance_types_go_together(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^endpoint.*{message}"):
        EndpointSettings.from_table({"name": "donut", **table})


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
def test_gpu_types_that_the_image_s_cuda_does_not_serve_are_rejected_with_the_reason(
    instance_type: str, capability: str
) -> None:
    for field, value in (("instance_type", instance_type), ("fallback_instance_types", [instance_type])):
        with pytest.raises(SettingsError) as rejected:
            dev(**{f"endpoint__{field}": value})
        assert str(rejected.value) == (
            f'endpoint.{field} is "{instance_type}"; its GPU is of compute capability {capability}, and the image of '
            "PyTorch 1.11.0 (CUDA 11.3) serves 7.0 to 8.9: choose a type that it serves, such as ml.g4dn.xlarge or "
            "ml.g5.xlarge, or give an endpoint.image_uri."
        )


@pytest.mark.parametrize("instance_type", ["ml.p9.48xlarge", "ml.g8.xlarge", "ml.g4ad.xlarge", "ml.p6-b400.48xlarge"])
def test_gpu_types_of_a_family_that_is_not_known_are_rejected(instance_type: str) -> None:
    with pytest.raises(SettingsError, match=r"of its GPU is not known here, and the image of PyTorch 1\.11\.0"):
        dev(endpoint__instance_type=instance_type)


@pytest.mark.parametrize("instance_type", ["ml.p5.48xlarge", "ml.p2.xlarge", "ml.p9.48xlarge"])
def test_gpu_types_under_an_image_of_one_s_own_are_not_judged(instance_type: str) -> None:
    made = dev(endpoint__image_uri=OWN_IMAGE, endpoint__instance_type=instance_type)
    assert made.endpoint.instance_type == instance_type


def test_every_gpu_type_that_sagemaker_offers_is_of_a_known_family() -> None:
    offered = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    gpus = [each for each in offered.metadata["enum"] if re.match(r"ml\.(g|gr|p)\d", each)]
    assert len(gpus) > 50
    assert [each for each in gpus if capability_of(each) is None] == []


def test_the_machine_images_for_gpus_are_those_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    offered = model.shape_for("ProductionVariantInferenceAmiVersion").metadata["enum"]
    assert [each for each in offered if "neuron" not in each] == list(get_args(InferenceAmiVersion))


@pytest.mark.parametrize("instance_type", ["ml.m5d.xlarge", "ml.c6i.large", "ml.r5.large", "ml.t2.medium"])
def test_cpu_types_are_known_by_their_letters(instance_type: str) -> None:
    made = dev(endpoint__instance_type=instance_type, endpoint__device="cpu")
    assert made.image.uri.endswith(":1.11.0-cpu-py38-ubuntu20.04-sagemaker")
