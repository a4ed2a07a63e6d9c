"""What a synthesised app gives its model's container, read from templates as the stacks write them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.operations.model.stage import ContainerSettings, StageError, StageModel
from async_endpoint.operations.preflight.assembly import AssemblyError
from async_endpoint.protocol.serving_images import IMAGE_BASE, IMAGES
from tests.support.model_assembly import IMAGE, PRINTS_A_PATH, assembly, model


def test_the_container_gets_what_the_template_gives_it(tmp_path: Path) -> None:
    found = StageModel.from_assembly(assembly(tmp_path, model() | {"EnableNetworkIsolation": True}))
    variables = {"SAGEMAKER_TS_BATCH_SIZE": "8", "LABELS": "a", "REGION": "eu-west-1"}
    assert found.settings == ContainerSettings(variables, isolated=True, startup_seconds=90.0, concurrency=16)
    assert (found.settings.batch_size, found.settings.at_once) == (8, 16)


@pytest.mark.parametrize("name", ["SAGEMAKER_TS_BATCH_SIZE", "MODEL_BATCH_SIZE"])
def test_without_a_stage_as_many_requests_are_sent_at_once_as_make_a_batch(name: str) -> None:
    assert ContainerSettings({name: "4"}).at_once == 4
    assert ContainerSettings().at_once == 1


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (IMAGE, "pytorch-1.11"),
        (f"{IMAGE.partition(':')[0]}:2.6.0-cpu-py312-ubuntu22.04-sagemaker", "pytorch-2.6"),
    ],
)
def test_the_image_is_the_templates(tmp_path: Path, uri: str, name: str) -> None:
    folder = assembly(tmp_path, model(Image=uri))
    assert StageModel.from_assembly(folder).image.name == name
    assert StageModel.from_assembly(folder, image=IMAGES["huggingface-2.6"]).image.name == "huggingface-2.6"


def test_of_an_image_of_ones_own_the_template_says_what_it_is_built_from(tmp_path: Path) -> None:
    folder = assembly(tmp_path, model(Image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/mine:1"))
    template = folder / "Endpoint.template.json"
    content = json.loads(template.read_text())
    content["Resources"]["Model0"]["Metadata"] = {IMAGE_BASE: "pytorch-2.6"}
    template.write_text(json.dumps(content))
    assert StageModel.from_assembly(folder).image.name == "pytorch-2.6"


def test_without_isolation_the_container_has_a_network(tmp_path: Path) -> None:
    assert StageModel.from_assembly(assembly(tmp_path, model())).settings.isolated is False


def test_the_archive_is_packed_by_the_command_that_a_deploy_runs(tmp_path: Path) -> None:
    found = StageModel.from_assembly(assembly(tmp_path, model(), executable=PRINTS_A_PATH))
    assert found.pack() == Path("/build/model.tar.gz")


def test_a_packing_step_that_fails_is_an_error(tmp_path: Path) -> None:
    fails = [sys.executable, "-c", "raise SystemExit(1)"]
    with pytest.raises(StageError, match="could not be packed"):
        StageModel.from_assembly(assembly(tmp_path, model(), executable=fails)).pack()


def test_an_interpreter_that_has_gone_is_told(tmp_path: Path) -> None:
    gone = [str(tmp_path / "no-python"), "pack.py"]
    with pytest.raises(StageError, match=r"no-python cannot be run: .* Synthesise the stage again"):
        StageModel.from_assembly(assembly(tmp_path, model(), executable=gone)).pack()


def test_a_place_that_only_a_deploy_determines_is_told(tmp_path: Path) -> None:
    found = StageModel.from_assembly(assembly(tmp_path, model(ModelDataUrl={"Ref": "Location"})))
    with pytest.raises(StageError, match="is in a place that only a deploy determines: copy it here"):
        found.pack()


def test_a_model_that_is_in_s3_already_has_to_be_named(tmp_path: Path) -> None:
    found = StageModel.from_assembly(assembly(tmp_path, model(ModelDataUrl="s3://mine/models/model.tar.gz")))
    with pytest.raises(StageError, match=r"^The stage's model is in s3://mine/models/model\.tar\.gz: copy it here"):
        found.pack()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ((), "has 0 SageMaker models"),
        ((model(), model()), "has 2 SageMaker models"),
        (
            (model(Image="1.dkr.ecr.eu-west-1.amazonaws.com/mine:1"),),
            "1.dkr.ecr.eu-west-1.*name the image that it is built from with --image",
        ),
        ((model(Environment={"TOKEN": {"Ref": "Secret"}}),), "set it with --environment TOKEN=VALUE"),
    ],
)
def test_what_cannot_be_checked_here_is_told(tmp_path: Path, models: tuple[dict[str, Any], ...], said: str) -> None:
    with pytest.raises(StageError, match=said):
        StageModel.from_assembly(assembly(tmp_path, *models))


def test_a_variable_that_only_a_deploy_determines_can_be_given(tmp_path: Path) -> None:
    folder = assembly(tmp_path, model(Environment={"TOKEN": {"Ref": "Secret"}, "LABELS": "a"}))
    found = StageModel.from_assembly(folder, {"TOKEN": "t", "LABELS": "b"})
    assert found.settings.environment == {"TOKEN": "t", "LABELS": "b"}


def test_a_folder_without_an_app_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match="has no synthesised app"):
        StageModel.from_assembly(tmp_path)
