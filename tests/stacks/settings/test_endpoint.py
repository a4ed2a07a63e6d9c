import re
from typing import get_args

import botocore.session
import pytest

from async_endpoint.protocol.serving_images import IMAGES
from stacks.instance_types import capability_of, workers_of
from stacks.settings.endpoint import EndpointSettings, InferenceAmiVersion, WarningId, warning_id
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


def test_the_image_is_one_of_the_table_or_in_ecr() -> None:
    allowed = (
        'one of "pytorch-1.11", "pytorch-2.6", "huggingface-2.6", or an image of your own in ECR with its tag or '
        'digest, such as "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"'
    )
    wrong = ("1.11.0", "pytorch-1x11", "pytorch:latest", OWN_IMAGE.removesuffix(":1"), f"docker.io/{OWN_IMAGE}", "")
    check_text(EndpointSettings, "image", *wrong, allowed=allowed, name="donut")
    for accepted in (*IMAGES, OWN_IMAGE, OWN_IMAGE.replace(":1", f"@sha256:{'0' * 64}")):
        assert EndpointSettings.from_table({"name": "donut", "image": accepted}).image == accepted


def test_the_base_is_one_of_the_table_and_only_for_an_own_image() -> None:
    check_choices(EndpointSettings, "image_base", *IMAGES, name="donut", image=OWN_IMAGE)
    message = rejection(EndpointSettings, name="donut", image="pytorch-2.6", image_base="pytorch-2.6")
    assert message == (
        'endpoint.image_base is "pytorch-2.6" and endpoint.image "pytorch-2.6", which is one of AWS\'s images: take '
        "image_base out; it is for an image of your own."
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"framework_version": "1.11.0"},
            'endpoint.framework_version has been replaced by endpoint.image: write image = "pytorch-1.11" in its place',
        ),
        (
            {"image_uri": OWN_IMAGE},
            f'endpoint.image_uri has been replaced by endpoint.image: write image = "{OWN_IMAGE}" in its place',
        ),
    ],
)
def test_the_settings_before_the_image_say_what_to_write(table: dict[str, str], message: str) -> None:
    assert rejection(EndpointSettings, name="donut", **table) == f"{message}."


def test_a_mirrored_image_agrees_with_what_is_said_of_it() -> None:
    mirrored = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312"
    assert rejection(EndpointSettings, name="donut", image=mirrored, image_base="pytorch-1.11") == (
        f'endpoint.image_base is "pytorch-1.11" and endpoint.image "{mirrored}", which is pytorch-2.6 by its '
        "repository and tag: take image_base out."
    )
    on_cpu = rejection(EndpointSettings, name="donut", image=mirrored, device="cpu", instance_type="ml.m5d.xlarge")
    assert "which is built for GPU: name the image for CPU, or set device" in on_cpu
    with pytest.raises(SettingsError, match=r"capability 10\.0, and the image pytorch-2\.6 \(CUDA 12\.4\) serves 7"):
        dev(endpoint__image=mirrored, endpoint__instance_type="ml.p6-b200.48xlarge")


@pytest.mark.parametrize(
    "path",
    [
        f"pytorch-inference@sha256:{'0' * 64}",
        f"mirror/huggingface-pytorch-inference@sha256:{'0' * 64}",
        "pytorch-inference:2.5.1-gpu-py311",
        "huggingface-pytorch-inference:2.6.0-transformers4.51.3-gpu-py312-cu124-ubuntu22.04",
    ],
)
def test_an_image_of_a_known_repository_that_its_uri_does_not_tell_needs_a_base(path: str) -> None:
    uri = f"123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/{path}"
    assert rejection(EndpointSettings, name="donut", image=uri) == (
        f'endpoint.image is "{uri}", and its tag or digest does not say which of AWS\'s images it is: give the tag '
        "that docs/images.md names, or add image_base with the image that is nearest to it."
    )
    assert EndpointSettings.from_table({"name": "donut", "image": uri, "image_base": "pytorch-2.6"}).image == uri


def test_a_warning_is_acknowledged_by_an_id_that_exists() -> None:
    assert set(get_args(WarningId)) == {warning_id(image) for image in IMAGES.values() if image.end_of_patch}
    assert rejection(EndpointSettings, name="donut", acknowledged_warnings=["end-of-patch"]) == (
        'endpoint.acknowledged_warnings is ["end-of-patch"]; of item 1, "end-of-patch", it must be one of '
        '"end-of-patch-pytorch-1.11", "end-of-patch-pytorch-2.6".'
    )


def test_the_device_is_one_of_two() -> None:
    assert rejection(EndpointSettings, name="donut", device="tpu") == (
        'endpoint.device is "tpu"; it must be one of "cpu", "gpu".'
    )
    assert 'endpoint.device is 1; it must be one of "cpu", "gpu".' in rejection(EndpointSettings, name="a", device=1)


def test_logs_are_kept_for_a_period_of_cloudwatch_logs() -> None:
    message = rejection(EndpointSettings, name="donut", log_retention_days=31)
    assert message.startswith("endpoint.log_retention_days is 31; it must be one of 1, 3, 5, 7, 14, 30, 60, ")
    assert message.endswith(" (the periods of CloudWatch Logs).")


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


@pytest.mark.parametrize("image", ["pytorch-2.6", "huggingface-2.6"])
@pytest.mark.parametrize("instance_type", ["ml.p3.2xlarge", "ml.g4dn.xlarge", "ml.g6e.xlarge", "ml.p5.4xlarge"])
def test_newer_images_serve_the_types_of_the_old_one_and_hopper(image: str, instance_type: str) -> None:
    assert dev(endpoint__image=image, endpoint__instance_type=instance_type).endpoint.image == image


@pytest.mark.parametrize(
    ("image", "instance_type", "capability", "serves", "instead"),
    [
        ("pytorch-1.11", "ml.p2.xlarge", "3.7", "11.3) serves 7.0 to 8.9", "the URI of an image of your own"),
        ("pytorch-1.11", "ml.g3.4xlarge", "5.2", "11.3) serves 7.0 to 8.9", "the URI of an image of your own"),
        ("pytorch-1.11", "ml.p5.4xlarge", "9.0", "11.3) serves 7.0 to 8.9", '"pytorch-2.6" or "huggingface-2.6"'),
        ("pytorch-1.11", "ml.p5en.48xlarge", "9.0", "11.3) serves 7.0 to 8.9", '"pytorch-2.6" or "huggingface-2.6"'),
        ("pytorch-2.6", "ml.g3.4xlarge", "5.2", "12.4) serves 7.0 to 9.0", "the URI of an image of your own"),
        ("pytorch-2.6", "ml.p6-b200.48xlarge", "10.0", "12.4) serves 7.0 to 9.0", "the URI of an image of your own"),
        ("huggingface-2.6", "ml.g7e.2xlarge", "12.0", "12.4) serves 7.0 to 9.0", "the URI of an image of your own"),
    ],
)
def test_gpu_types_that_the_image_s_cuda_does_not_serve_are_rejected_with_the_reason(
    image: str, instance_type: str, capability: str, serves: str, instead: str
) -> None:
    for field, value in (("instance_type", instance_type), ("fallback_instance_types", [instance_type])):
        with pytest.raises(SettingsError) as rejected:
            dev(endpoint__image=image, **{f"endpoint__{field}": value})
        assert str(rejected.value) == (
            f'endpoint.{field} is "{instance_type}"; its GPU is of compute capability {capability}, and the image '
            f"{image} (CUDA {serves}: choose a type that it serves, such as ml.g4dn.xlarge or ml.g5.xlarge, or set "
            f"endpoint.image to {instead}."
        )


@pytest.mark.parametrize("instance_type", ["ml.p9.48xlarge", "ml.g8.xlarge", "ml.g4ad.xlarge", "ml.p6-b400.48xlarge"])
def test_gpu_types_of_a_family_that_is_not_known_are_rejected(instance_type: str) -> None:
    with pytest.raises(SettingsError, match=r"of its GPU is not known here, and the image pytorch-1\.11 \(CUDA"):
        dev(endpoint__instance_type=instance_type)


@pytest.mark.parametrize("instance_type", ["ml.p5.48xlarge", "ml.p2.xlarge", "ml.p9.48xlarge"])
def test_gpu_types_under_an_image_of_one_s_own_are_not_judged(instance_type: str) -> None:
    made = dev(endpoint__image=OWN_IMAGE, endpoint__instance_type=instance_type)
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


@pytest.mark.parametrize(
    ("instance_type", "workers"),
    [
        ("ml.g4dn.xlarge", 1),
        ("ml.g4dn.16xlarge", 1),
        ("ml.g4dn.12xlarge", 4),
        ("ml.g5.48xlarge", 8),
        ("ml.g6e.24xlarge", 4),
        ("ml.p3.8xlarge", 4),
        ("ml.p4d.24xlarge", 8),
        ("ml.m5.large", 1),
        ("ml.c5.xlarge", 2),
        ("ml.m5d.4xlarge", 8),
        ("ml.t2.medium", 1),
    ],
)
def test_every_gpu_or_core_of_an_instance_gets_a_worker(instance_type: str, workers: int) -> None:
    assert workers_of(instance_type) == workers
